"""How the workers are kept whole.

Rules: *active* workers take calls; *spares* are ready to take an active one's place at once when
it leaves; each worker that leaves is replaced by a new one. A worker that is *due* (to be
recycled) works on until a fresh one has its place. A pool that *rests* keeps fewer, and no
spares, until the next call. A start that fails is tried again ever more
slowly, and so is one after which the worker dies without having served.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor

from .spec import ExitReason, PoolObserver, PoolSpec, Verdict
from .worker import State, Worker
from .zygote import Zygote

_STARTING = max(2, os.cpu_count() or 1)  # processes that may start at a time
_BACKOFF_FIRST = 0.05
_BACKOFF_MOST = 30.0
_FORGIVEN_AFTER = 60.0  # seconds without a failure after which the next counts as the first


class Roster:
    """All workers of a pool. ``on_slot`` is called when a slot is free, ``on_lost`` when there is
    no worker and little hope.
    """

    def __init__(
        self,
        spec: PoolSpec,
        observer: PoolObserver,
        copier: Executor,
        on_slot: Callable[[], None],
        on_lost: Callable[[], None],
    ) -> None:
        self.active: list[Worker] = []
        self.spares: list[Worker] = []
        self.starting: set[Worker] = set()
        self.left: set[Worker] = set()
        self.ready = False
        self.description = b""
        self.last_error = ""
        self.verdicts: Counter[Verdict] = Counter()
        self.exits: Counter[ExitReason] = Counter()
        self.changed = asyncio.Event()
        self.zygote: Zygote | None = None
        """What makes its workers, where they need not be fresh interpreters."""
        self._spec = spec
        self._observer = observer
        self._copier = copier
        self._on_slot = on_slot
        self._on_lost = on_lost
        self._open = False
        self._lenders: set[Worker] = set()
        self._borrowed = 0
        self._resting = bool(spec.resting)
        self._failures = 0
        self._failed_at = 0.0
        self._retry: asyncio.TimerHandle | None = None

    def __iter__(self) -> Iterator[Worker]:
        """Go through all that may have calls."""
        yield from (*self.active, *self.spares, *self.left)

    def open(self) -> None:
        """Start the first worker: if it fails, the others would too."""
        self._open = True
        self.fill()

    def close(self) -> None:
        """Start no more workers."""
        self._open = False
        if self._retry:
            self._retry.cancel()
        for worker in list(self.starting):
            worker.retire(ExitReason.STOP)
        self._set_ready(False, "the pool is stopping")

    def take(self, owner: str, prefer: int = 0, *, alone: bool = False) -> Worker | None:
        """Take a slot of the least loaded active worker, of equals the one idle for longest; or of
        the preferred one, if that has one. ``alone``: all slots of an idle one.

        So each has a moment between its calls, in which it can make ready for the next one.
        """
        if self._spec.one_owner:
            best = self._best(owner, prefer) or self._best(None)
            if best is None and self._make_room():
                best = self._best(None)
        else:
            best = self._best(None, prefer)
        if alone and best and best.load:
            best = None
        if self._resting:
            self._resting = False
            asyncio.get_running_loop().call_soon(self.fill)  # not before this call is on its way
        if best:
            best.load += self._spec.concurrency if alone else 1
            best.owner = owner if self._spec.one_owner else None
            self.active.remove(best)
            self.active.append(best)
        return best

    def _best(self, owner: str | None, prefer: int = 0) -> Worker | None:
        best: Worker | None = None
        for worker in self.active if prefer else ():
            free = worker.load < self._spec.concurrency
            if worker.pid == prefer and worker.owner == owner and free:
                return worker
        for worker in self.active:
            if worker.owner == owner and worker.load < (
                best.load if best else self._spec.concurrency
            ):
                best = worker
                if not worker.load:
                    break
        return best

    def _make_room(self) -> bool:
        """Let an idle worker of another owner's be replaced; say whether one has been by now."""
        if not any(worker.due for worker in self.active):
            idle = next((worker for worker in self.active if not worker.load), None)
            if idle is None:
                return False
            idle.due = True
        self._promote()
        self.fill()
        return True

    def rest(self) -> None:
        """Let those go that are not needed while nothing runs; the next call brings them back."""
        if not self._spec.resting or self._resting or not self._open:
            return
        self._resting = True
        for worker in [worker for worker in self.active if not worker.load][self._places :]:
            self.retire(worker, ExitReason.STOP)
        for worker in list(self.spares):
            self.retire(worker, ExitReason.STOP)

    @property
    def _places(self) -> int:
        """Active workers that there are to be."""
        if self._resting:
            return min(self._spec.resting, self._spec.workers)
        return self._spec.workers + self._borrowed

    @property
    def _reserve(self) -> int:
        """Spares that there are to be."""
        return 0 if self._resting else self._spec.spares

    # Places beyond the workers, while calls wait for what the front asks of others

    def lends(self, worker: Worker, waits: bool) -> None:
        """Note whether a worker's call waits for an answer of the front."""
        if not self._spec.lends:
            return
        if waits:
            self._lenders.add(worker)
            self._on_slot()
        else:
            self._lenders.discard(worker)

    def borrow(self) -> None:
        """Make a place for a call that finds none, if there is a worker that waits."""
        if self._borrowed < min(len(self._lenders), self._spec.lends) and self._open:
            self._borrowed += 1
            asyncio.get_running_loop().call_soon(self._grow)

    def _grow(self) -> None:
        self._promote()
        self.fill()

    def _give_back(self, worker: Worker) -> None:
        """Let an idle worker go whose place is not needed any more."""
        if worker.load or worker not in self.active:
            return
        self._borrowed -= 1
        if len(self.active) > self._places:
            self.active.remove(worker)
            self.spares.append(worker)
            self._promote()

    @property
    def retry_after(self) -> float:
        """Seconds between the last failure and the next attempt."""
        return min(_BACKOFF_FIRST * 2 ** min(self._failures - 1, 20), _BACKOFF_MOST)

    # What workers tell

    def joined(self, worker: Worker) -> None:
        """Take in a worker that is ready."""
        self.starting.discard(worker)
        self.spares.append(worker)
        if not self._open:
            self.retire(worker, ExitReason.STOP)
            return
        self.last_error = ""
        self._observer.worker_ready(worker.pid, int((time.monotonic() - worker.spawned) * 1e6))
        if worker.description != self.description:
            self.description = worker.description
            self._observer.described(worker.description)
        self._promote()
        self._set_ready(True, "")
        self.fill()

    def freed(self, worker: Worker) -> None:
        """See whether a worker with a free slot is due; let the slot be taken."""
        spec = self._spec
        if worker.served:
            self._failures = 0
        if worker.state is State.READY and not worker.due:
            grown = spec.memory_bytes and worker.gauge.idle > spec.memory_bytes
            if grown or (spec.recycle_after and worker.calls >= spec.recycle_after):
                worker.due = True
                self._promote()
                self.fill()
        self._on_slot()
        if self._borrowed > len(self._lenders):
            self._give_back(worker)

    def leaving(self, worker: Worker) -> None:
        """Replace a worker that ends."""
        if worker in self.starting:
            return  # it had no place yet; `gone` will know why
        if not (worker.served or worker.flights or worker.reason is ExitReason.RECYCLE):
            self._back_off(f"a worker ended before it served: {worker.reason.value}")
        self._part(worker)
        self._promote()
        self.fill()

    def gone(self, worker: Worker) -> None:
        """Forget a worker whose process has ended."""
        self.left.discard(worker)
        self.exits[worker.reason] += 1
        self._observer.worker_gone(worker.pid, worker.reason, worker.detail)
        if worker in self.starting:
            self.starting.discard(worker)
            self._back_off(worker.detail)
        self.changed.set()

    # Keeping whole

    def fill(self) -> None:
        """Start what is missing; a worker that is due counts as missing."""
        if not self._open or self._retry:
            return
        every = (*self.active, *self.spares, *self.starting)
        missing = self._places + self._reserve - sum(1 for w in every if not w.due)
        limit = _STARTING if self.ready else 1
        for _ in range(min(missing, limit - len(self.starting))):
            try:
                self.starting.add(Worker(self._spec, self, self._copier))
            except OSError as error:  # no processes, no descriptors, no memory
                self._back_off(f"cannot spawn a process: {error}")
                return

    def retire(self, worker: Worker, reason: ExitReason) -> None:
        """Let a worker go in good order."""
        self._part(worker)
        worker.retire(reason)

    def _part(self, worker: Worker) -> None:
        for group in (self.active, self.spares):
            if worker in group:
                group.remove(worker)
        self._lenders.discard(worker)
        self.left.add(worker)

    def _promote(self) -> None:
        """Fill the places of the active, then replace those that are due, from the spares."""
        self.spares.sort(key=lambda worker: worker.due)
        while len(self.active) < self._places and self.spares:
            self.active.append(self.spares.pop(0))
        for worker in [w for w in self.active if w.due]:
            if not self.spares or self.spares[0].due:
                break
            self.active[self.active.index(worker)] = self.spares.pop(0)
            self.retire(worker, ExitReason.RECYCLE)
        for worker in self.spares[self._reserve :]:
            self.retire(worker, ExitReason.RECYCLE)  # due ones are last
        self._on_slot()

    def _back_off(self, error: str) -> None:
        if not self._open:
            return
        now = time.monotonic()
        if now - self._failed_at > _FORGIVEN_AFTER:
            self._failures = 0
        self._failures += 1
        self._failed_at, self.last_error = now, error
        if self._retry:
            self._retry.cancel()
        self._retry = asyncio.get_running_loop().call_later(self.retry_after, self._try_again)
        lost = self._failures > 1 or not self.ready  # a single failure is made good at once
        if lost and not self.active and not self.spares:
            self._set_ready(False, error)
            self._on_lost()

    def _try_again(self) -> None:
        self._retry = None
        self.fill()

    def _set_ready(self, ready: bool, error: str) -> None:
        if ready != self.ready or error:
            self.ready = ready
            self._observer.readiness(ready, error)
        self.changed.set()

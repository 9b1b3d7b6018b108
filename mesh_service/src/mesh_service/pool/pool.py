"""The pool: calls take slots of workers, in their order, and come back with a verdict."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager

from . import zygote
from .done import Done
from .errors import PoolClosed, PoolError, PoolFull, PoolUnavailable
from .flight import Flight
from .frames import MAX_PARTS
from .roster import Roster
from .spawn import environment
from .spec import ExitReason, PoolObserver, PoolSpec, PoolStatistics, Verdict, Work
from .watch import Watch
from .worker import Worker

_ATTEMPTS = 2


class _Run(AbstractAsyncContextManager[Done]):
    """One call: runs on entry, gives its buffers back on exit. (As a generator it costs more.)"""

    def __init__(self, execute: Callable[[Flight], Awaitable[Done]], flight: Flight) -> None:
        self._execute = execute
        self._flight = flight

    async def __aenter__(self) -> Done:
        self._done = await self._execute(self._flight)
        return self._done

    async def __aexit__(self, *_: object) -> None:
        self._done.release()


class WorkerPool:
    """Runs work in worker processes. All methods belong to the loop that called start()."""

    def __init__(self, spec: PoolSpec, observer: PoolObserver | None = None) -> None:
        self.spec = spec
        self._open = False
        self._drained = False
        self._waiting: deque[tuple[Flight, asyncio.Future[Worker]]] = deque()
        self._suspects = 0  # of those that wait, the ones that a worker is to be empty for
        self._serving = False
        self._flying = 0
        self._copier = ThreadPoolExecutor(1, thread_name_prefix="pool-copy")
        self._roster = Roster(
            spec, observer or PoolObserver(), self._copier, self._serve, self._refuse
        )
        self._watch = Watch(self._roster, spec.memory_bytes)

    @property
    def open(self) -> bool:
        """Whether it takes calls: it has been started and not been told to stop."""
        return self._open

    @property
    def description(self) -> bytes:
        """What the newest ready worker says of itself; empty before the first."""
        return self._roster.description

    @property
    def ready(self) -> bool:
        """Whether a worker is ready, or about to follow one that was."""
        return self._roster.ready

    async def start(self) -> None:
        """Start the workers; return when the first is ready (or the pool has been stopped), others
        go on in the background.

        Failures are tried again, ever more slowly, and told to the observer: bound the wait with
        ``asyncio.timeout``; the attempts go on when it is cancelled, until :meth:`stop`.
        """
        self._open = True
        if self.spec.prepared and self._roster.zygote is None:
            whole = environment(self.spec.env)
            self._roster.zygote = zygote.take(tuple(self.spec.prepared), whole)
        if self._roster.zygote:
            self._roster.zygote.when_settled(self._begin)
        else:
            self._begin()
        await self._until(lambda: self.ready or not self._open)

    def _begin(self) -> None:
        if self._open:
            self._roster.open()

    def run(
        self,
        work: Work,
        *,
        on_started: Callable[[], None] | None = None,
        on_event: Callable[[bytes], None] | None = None,
        on_call: Callable[[bytes], Awaitable[bytes]] | None = None,
    ) -> AbstractAsyncContextManager[Done]:
        """Run ``work``: ``async with pool.run(...) as done``; then ``done``'s buffers are released.

        ``on_started`` is called once, when a worker is about to get the call: from then on it may
        have run. ``on_event`` gets each event. Both run on the loop and must return at once; what
        they raise is raised here, and the call is cancelled. ``on_call`` answers a call of the
        worker back through the front. Cancelling the task that waits in it cancels the call.
        Raises PoolFull, PoolUnavailable, PoolClosed: nothing ran.
        """
        if (count := len(work.buffers) + len(work.places)) >= MAX_PARTS:
            raise ValueError(f"{count} buffers, the limit is {MAX_PARTS - 1}")
        return _Run(self._execute, Flight(work, on_started, on_event, on_call))

    def recycle(self) -> None:
        """Replace every worker, one after another, without a gap."""
        for worker in (*self._roster.active, *self._roster.spares, *self._roster.starting):
            worker.due = True
        self._roster.fill()

    async def stop(self, drain_seconds: float = 0.0) -> None:
        """Take no more calls, let those it has end for ``drain_seconds``, end all workers."""
        self._open = False
        roster = self._roster
        roster.close()
        await self._until(lambda: not self._flying, drain_seconds)
        self._drained = True
        for _, waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(PoolClosed())
        if flights := [(worker, flight) for worker in roster for flight in worker.flights.values()]:
            for worker, flight in flights:
                worker.warn(flight)
            await self._until(lambda: not self._flying, self.spec.cancel_grace)
        for worker in list(roster):
            if worker.load:
                worker.end(ExitReason.STOP, "the pool stopped", Verdict.CANCELLED)
            elif worker not in roster.left:
                roster.retire(worker, ExitReason.STOP)
        await self._until(lambda: not (roster.left or roster.starting))
        if roster.zygote:
            roster.zygote.give_back()
            roster.zygote = None
        self._watch.stop()
        self._copier.shutdown(wait=False)

    def stats(self) -> PoolStatistics:
        """Give a snapshot of the pool's state and counters."""
        roster = self._roster
        busy = sum(1 for worker in roster.active if worker.load)
        return PoolStatistics(
            ready=roster.ready,
            last_error=roster.last_error,
            starting=len(roster.starting),
            idle=len(roster.active) - busy,
            busy=busy,
            spare=len(roster.spares),
            stopping=len(roster.left),
            calls=sum(worker.load for worker in roster),
            slots=len(roster.active) * self.spec.concurrency,
            waiting=sum(1 for _, waiter in self._waiting if not waiter.done()),
            segment_bytes=sum(worker.arena.bytes for worker in roster),
            verdicts=dict(roster.verdicts),
            exits=dict(roster.exits),
        )

    # One call: take a slot → run → (once more, if it never began, or is suspected)

    async def _execute(self, flight: Flight) -> Done:
        if not self._open:
            raise PoolClosed
        self._flying += 1
        try:
            for attempt in range(_ATTEMPTS):
                if attempt:
                    flight.reset()
                free = not self._suspects or flight.lost  # else it would keep them waiting
                worker = (free and self._take(flight)) or await self._wait(flight, attempt > 0)
                self._watch.arm()
                if done := await worker.run(flight):
                    return done
            return self._lose(flight)
        except PoolError:
            if flight.lost is None:
                raise
            return self._lose(flight)
        finally:
            self._flying -= 1
            if not self._open:
                self._roster.changed.set()

    def _lose(self, flight: Flight) -> Done:
        """Give up on a call that did not get its second run."""
        detail = "two workers ended before the call began"
        done = flight.lost or Done(verdict=Verdict.CRASH, detail=detail)
        self._roster.verdicts[done.verdict] += 1
        return done

    def _take(self, flight: Flight) -> Worker | None:
        work = flight.work
        return self._roster.take(work.owner, work.prefer, alone=flight.lost is not None)

    async def _wait(self, flight: Flight, first: bool) -> Worker:
        roster = self._roster
        if self._drained:
            raise PoolClosed
        if not roster.ready and roster.last_error:
            raise PoolUnavailable(roster.last_error, roster.retry_after)
        if len(self._waiting) >= self.spec.queue and not first:
            raise PoolFull(self.spec.queue)
        waiter: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
        entry = (flight, waiter)
        self._suspects += flight.lost is not None
        if first:
            self._waiting.appendleft(entry)
        else:
            self._waiting.append(entry)
        roster.borrow()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and not waiter.exception():
                waiter.result().free(flight)  # given in the moment of the cancellation
            elif entry in self._waiting:
                self._waiting.remove(entry)
            raise
        finally:
            if flight.lost:
                self._suspects -= 1
                self._serve()  # those behind it

    def _serve(self) -> None:
        """Give free slots to those that wait, in their order."""
        if self.spec.one_owner:
            self._serve_owners()
            return
        while self._waiting:
            flight, waiter = self._waiting[0]
            if waiter.done():
                self._waiting.popleft()
            elif worker := self._take(flight):
                self._waiting.popleft()
                waiter.set_result(worker)
            else:
                self._roster.borrow()
                return

    def _serve_owners(self) -> None:
        """The same, where one may have to wait for a process while those behind have theirs."""
        if self._serving:  # taking a slot may make room for another
            return
        self._serving = True
        refused: set[str] = set()
        for entry in list(self._waiting):
            flight, waiter = entry
            owner = flight.work.owner
            if waiter.done():
                self._waiting.remove(entry)
            elif owner not in refused:
                if worker := self._take(flight):
                    self._waiting.remove(entry)
                    waiter.set_result(worker)
                else:
                    refused.add(owner)
                    self._roster.borrow()
        self._serving = False

    def _refuse(self) -> None:
        """Let nobody wait for workers that do not come."""
        for _, waiter in self._waiting:
            if not waiter.done():
                error = PoolUnavailable(self._roster.last_error, self._roster.retry_after)
                waiter.set_exception(error)

    async def _until(self, condition: Callable[[], bool], seconds: float | None = None) -> None:
        changed = self._roster.changed
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not condition():
                    changed.clear()
                    await changed.wait()

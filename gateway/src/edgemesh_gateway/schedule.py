"""schedule: who gets an executor's next slot?

Rules: a slot is free, or somebody has it; it is granted only to a request that still waits and has
time left, and given back exactly once. Order: by priority, where each `ageing_s` of waiting is
worth one class, so that nobody starves; within a class first come, first served. While a slot is
free nobody waits, so taking it switches no task. Who counts the slots is a Counter's business: the
data path takes them too.

    arrive ── slot free ──────────────► running ──► given back ──► next grant
      └── none free ──► waiting ── grant ──┘
                          ├── deadline ──► DeadlineExceeded
                          ├── executor gone ──► NotStarted
                          └── caller gone ──► forgotten
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from edgemesh.compute.v1 import compute_pb2

from mesh_service import errors

RETRY_FULL_S = 0.5
_CLASS: dict[int, int] = {
    compute_pb2.PRIORITY_REALTIME: 0,
    compute_pb2.PRIORITY_INTERACTIVE: 1,
    compute_pb2.PRIORITY_BATCH: 2,
}


class Counter(Protocol):
    """Counts an executor's slots."""

    def resize(self, slots: int) -> None:
        """Say how many there are."""

    def running(self) -> int:
        """How many are taken."""
        ...

    def take(self) -> bool:
        """Take one; False: none is free."""
        ...

    def give_back(self) -> None:
        """Give one back."""

    def begin_waiting(self) -> None:
        """Somebody waits: let nobody else take what becomes free."""

    def end_waiting(self) -> None:
        """It waits no more."""


class Counted:
    """A counter of this process's own."""

    def __init__(self) -> None:
        self._slots = 0
        self._running = 0

    def resize(self, slots: int) -> None:
        """Say how many there are."""
        self._slots = slots

    def running(self) -> int:
        """How many are taken."""
        return self._running

    def take(self) -> bool:
        """Take one; False: none is free."""
        free = self._running < self._slots
        self._running += free
        return free

    def give_back(self) -> None:
        """Give one back."""
        self._running -= 1

    def begin_waiting(self) -> None:
        """Nobody takes a slot but through the lane, which knows."""

    def end_waiting(self) -> None:
        """Likewise."""


class Place(Protocol):
    """A request in the queue."""

    @property
    def deadline(self) -> float | None:
        """When it is of no use any more, on time.monotonic()."""

    def done(self) -> bool:
        """Whether it waits no more."""
        ...

    def grant(self) -> None:
        """Give it the slot that was taken for it."""

    def refuse(self, error: errors.MeshError) -> None:
        """Let it wait no longer."""


class Slot:
    """The right to run one request. Use it as a context manager: leaving gives it back."""

    __slots__ = ("_counted", "_lane")

    def __init__(self, lane: Lane, *, counted: bool = True) -> None:
        self._lane: Lane | None = lane
        self._counted = counted

    @property
    def held(self) -> bool:
        """Whether it has not been given back."""
        return self._lane is not None

    def release(self) -> None:
        """Give it back; again has no effect."""
        lane, self._lane = self._lane, None
        if lane is not None:
            if self._counted:
                lane.give_back()
            else:
                lane.leave_inside()

    def __enter__(self) -> Slot:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.release()


class _Future:
    """The place of a coroutine: a future whose result is the grant."""

    __slots__ = ("deadline", "granted")

    def __init__(self, granted: asyncio.Future[None], deadline: float | None) -> None:
        self.granted = granted
        self.deadline = deadline

    def done(self) -> bool:
        return self.granted.done()

    def grant(self) -> None:
        self.granted.set_result(None)

    def refuse(self, error: errors.MeshError) -> None:
        self.granted.set_exception(error)


class Lane:
    """The slots of one executor and the requests that wait for them."""

    def __init__(
        self,
        slots: int,
        queue: int,
        ageing_s: float,
        clock: Callable[[], float] = time.monotonic,
        counter: Counter | None = None,
    ) -> None:
        self.slots = slots
        """How many may run at once; see `resize`."""
        self.waiting = 0
        self._counter = Counted() if counter is None else counter
        self._counter.resize(slots)
        self._queue = queue
        self._ageing_s = ageing_s
        self._clock = clock
        self._heap: list[tuple[float, int, Place]] = []
        self._arrivals = 0
        self._inside = 0

    @property
    def running(self) -> int:
        """How many run, those beyond the slots too."""
        return self._counter.running() + self._inside

    async def slot(self, priority: int, deadline: float | None, *, inside: bool = False) -> Slot:
        """Get a slot, now or in turn. `deadline`: on time.monotonic().

        `inside`: who asks has one already, further up, and would wait for itself; so it gets
        another at once, beyond what there are.

        Raises QueueFull, DeadlineExceeded, or what `refuse` was given; then nothing is held.
        """
        if inside:
            self._inside += 1
            return Slot(self, counted=False)
        if self.waiting or not self._counter.take():
            await self._turn(priority, deadline)
        return Slot(self)

    def join(self, place: Place, priority: int) -> None:
        """Wait in turn; the grant may come at once. Raises QueueFull."""
        if self.waiting >= self._queue and (self.waiting or self._counter.running() >= self.slots):
            raise errors.QueueFull(self._queue, RETRY_FULL_S)
        self._arrivals += 1
        key = self._clock() + _CLASS[priority] * self._ageing_s
        heapq.heappush(self._heap, (key, self._arrivals, place))
        self.waiting += 1
        self.grant()

    def leave_inside(self) -> None:
        """A slot's business only, of one beyond those that are counted."""
        self._inside -= 1

    def leave(self) -> None:
        """A place has become done without a word from here: it waits no more."""
        self.waiting -= 1
        self._sweep()

    def grant(self) -> None:
        """Give free slots to those who are next."""
        while self._heap and self._counter.take():
            place = self._next()
            if place is None:
                self._counter.give_back()
                return
            self.waiting -= 1
            place.grant()

    def _next(self) -> Place | None:
        while self._heap:
            place = heapq.heappop(self._heap)[2]
            if place.done():
                continue
            if place.deadline is not None and place.deadline <= self._clock():
                self._expire(place)
                continue
            return place
        return None

    async def _turn(self, priority: int, deadline: float | None) -> None:
        loop = asyncio.get_running_loop()
        place = _Future(loop.create_future(), deadline)
        timer = None
        self._counter.begin_waiting()
        try:
            self.join(place, priority)
            if deadline is not None:
                timer = loop.call_later(deadline - self._clock(), self._expire, place)
            await place.granted
        except asyncio.CancelledError:
            if place.granted.cancelled():
                self.leave()
            elif place.granted.exception() is None:
                # The caller left in the very moment of the grant.
                self.give_back()
            raise
        finally:
            self._counter.end_waiting()
            if timer is not None:
                timer.cancel()

    def give_back(self) -> None:
        """A slot's business only."""
        self._counter.give_back()
        self.grant()

    def resize(self, slots: int) -> None:
        """Say how many may run at once; those beyond it that run already are let be."""
        self.slots = slots
        self._counter.resize(slots)
        self.grant()

    def refuse(self, error: Callable[[], errors.MeshError]) -> None:
        """Let nobody wait any longer: each gets an error of its own."""
        heap, self._heap = self._heap, []
        for _, _, place in heap:
            self._drop(place, error())

    def _expire(self, place: Place) -> None:
        self._drop(place, errors.DeadlineExceeded("queue"))

    def _drop(self, place: Place, error: errors.MeshError) -> None:
        if not place.done():
            self.waiting -= 1
            place.refuse(error)
            self._sweep()

    def _sweep(self) -> None:
        """Forget those who left, once they are the most."""
        if len(self._heap) > 2 * self.waiting + 64:
            self._heap = [entry for entry in self._heap if not entry[2].done()]
            heapq.heapify(self._heap)

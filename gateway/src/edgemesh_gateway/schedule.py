"""schedule: who gets an executor's next slot?

Rules: a slot is free, or somebody has it; it is granted only to a request that still waits and has
time left, and given back exactly once. Order: by priority, where each `ageing_s` of waiting is
worth one class, so that nobody starves; within a class first come, first served. While a slot is
free nobody waits, so taking it switches no task.

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

from edgemesh.compute.v1 import compute_pb2

from mesh_service import errors

RETRY_FULL_S = 0.5
_CLASS: dict[int, int] = {
    compute_pb2.PRIORITY_REALTIME: 0,
    compute_pb2.PRIORITY_INTERACTIVE: 1,
    compute_pb2.PRIORITY_BATCH: 2,
}


class Slot:
    """The right to run one request. Use it as a context manager: leaving gives it back."""

    __slots__ = ("_lane",)

    def __init__(self, lane: Lane) -> None:
        self._lane: Lane | None = lane

    @property
    def held(self) -> bool:
        """Whether it has not been given back."""
        return self._lane is not None

    def release(self) -> None:
        """Give it back; again has no effect."""
        lane, self._lane = self._lane, None
        if lane is not None:
            lane.give_back()

    def __enter__(self) -> Slot:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.release()


class _Place:
    """One request's place in the queue; its future's result is the grant."""

    __slots__ = ("deadline", "granted")

    def __init__(self, granted: asyncio.Future[None], deadline: float | None) -> None:
        self.granted = granted
        self.deadline = deadline


class Lane:
    """The slots of one executor and the requests that wait for them."""

    def __init__(
        self,
        slots: int,
        queue: int,
        ageing_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.slots = slots
        """How many may run at once; see `resize`."""
        self.running = 0
        self.waiting = 0
        self._queue = queue
        self._ageing_s = ageing_s
        self._clock = clock
        self._heap: list[tuple[float, int, _Place]] = []
        self._arrivals = 0

    async def slot(self, priority: int, deadline: float | None, *, inside: bool = False) -> Slot:
        """Get a slot, now or in turn. `deadline`: on time.monotonic().

        `inside`: who asks has one already, further up, and would wait for itself; so it gets
        another at once, beyond what there are.

        Raises QueueFull, DeadlineExceeded, or what `refuse` was given; then nothing is held.
        """
        if inside or self.running < self.slots:
            self.running += 1
            return Slot(self)
        if self.waiting >= self._queue:
            raise errors.QueueFull(self._queue, RETRY_FULL_S)
        await self._turn(priority, deadline)
        return Slot(self)

    async def _turn(self, priority: int, deadline: float | None) -> None:
        loop = asyncio.get_running_loop()
        place = _Place(loop.create_future(), deadline)
        now = self._clock()
        self._arrivals += 1
        key = now + _CLASS[priority] * self._ageing_s
        heapq.heappush(self._heap, (key, self._arrivals, place))
        self.waiting += 1
        timer = None
        if deadline is not None:
            timer = loop.call_later(deadline - now, self._expire, place)
        try:
            await place.granted
        except asyncio.CancelledError:
            if place.granted.cancelled():
                self.waiting -= 1
                self._sweep()
            elif place.granted.exception() is None:
                # The caller left in the very moment of the grant.
                self.give_back()
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def give_back(self) -> None:
        """A slot's business only."""
        self.running -= 1
        self._grant()

    def resize(self, slots: int) -> None:
        """Say how many may run at once; those beyond it that run already are let be."""
        self.slots = slots
        self._grant()

    def refuse(self, error: Callable[[], errors.MeshError]) -> None:
        """Let nobody wait any longer: each gets an error of its own."""
        heap, self._heap = self._heap, []
        for _, _, place in heap:
            self._drop(place, error())

    def _grant(self) -> None:
        while self._heap and self.running < self.slots:
            place = heapq.heappop(self._heap)[2]
            if place.granted.done():
                continue
            if place.deadline is not None and place.deadline <= self._clock():
                self._expire(place)
                continue
            self.waiting -= 1
            self.running += 1
            place.granted.set_result(None)

    def _expire(self, place: _Place) -> None:
        self._drop(place, errors.DeadlineExceeded("queue"))

    def _drop(self, place: _Place, error: errors.MeshError) -> None:
        if not place.granted.done():
            self.waiting -= 1
            place.granted.set_exception(error)
            self._sweep()

    def _sweep(self) -> None:
        """Forget those who left, once they are the most."""
        if len(self._heap) > 2 * self.waiting + 64:
            self._heap = [entry for entry in self._heap if not entry[2].granted.done()]
            heapq.heapify(self._heap)

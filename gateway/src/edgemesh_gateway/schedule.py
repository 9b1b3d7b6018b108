"""schedule: who gets an executor's next slot?

Rules: a slot is free, or somebody has it; it is granted only to a request that still waits and has
time left, and given back exactly once. Who is next, and who is sent away, `scheduling` says. While
a slot is free nobody waits but for its algorithm's own limit, so taking it switches no task. Who
counts the slots, and whose of its replicas' one is, is a Counter's business: the data path takes
them too.

    arrive ── slot free ──────────────► running ──► given back ──► next grant
      └── none free ──► waiting ── grant ──┘
                          ├── deadline ──► DeadlineExceeded
                          ├── too many, and the cheapest ──► QueueFull
                          ├── executor gone ──► NotStarted
                          └── caller gone ──► forgotten
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TypeAlias

from edgemesh.compute.v1 import compute_pb2

from edgemesh_gateway.counters import Counted, Counter
from edgemesh_gateway.scheduling import CLASSES, Entry, FairQueue, Gate, Tally
from edgemesh_gateway.scheduling.queue import everybody_alike
from mesh_service import errors

RETRY_FULL_S = 0.5
MOST_QUEUED_BYTES = 256 << 20
CLASS_NAMES = ("realtime", "interactive", "batch")
"""By rank."""
_Gate: TypeAlias = "Gate[Place] | None"
_RANK: dict[int, int] = {
    compute_pb2.PRIORITY_REALTIME: 0,
    compute_pb2.PRIORITY_INTERACTIVE: 1,
    compute_pb2.PRIORITY_BATCH: 2,
}


class Place(Entry):
    """A request in the queue."""

    __slots__ = ()

    def grant(self, replica: int, gate: _Gate) -> None:
        """Give it the slot that was taken for it, and what else must be given back with it."""
        raise NotImplementedError

    def refuse(self, error: errors.MeshError) -> None:
        """Let it wait no longer."""
        raise NotImplementedError


class Slot:
    """The right to run one request. Use it as a context manager: leaving gives it back."""

    __slots__ = ("_gate", "_lane", "_rank", "replica")

    def __init__(self, lane: Lane, rank: int, replica: int | None, gate: _Gate = None) -> None:
        self._lane: Lane | None = lane
        self._rank, self._gate = rank, gate
        self.replica = replica
        """Whose it is, by number; None: it is one beyond those that are counted."""

    @property
    def held(self) -> bool:
        """Whether it has not been given back."""
        return self._lane is not None

    def release(self) -> None:
        """Give it back; again has no effect."""
        lane, self._lane = self._lane, None
        if lane is not None:
            if self.replica is None:
                lane.leave_inside()
            else:
                lane.give_back(self.replica, self._rank, self._gate)

    def exchange(self, other: int) -> None:
        """Be one of another replica's, if one of those is free."""
        lane, mine = self._lane, self.replica
        if lane is not None and mine not in (None, other) and lane.exchange(mine, other):
            self.replica = other

    def __enter__(self) -> Slot:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.release()


class _Future(Place):
    """The place of a coroutine: a future whose result is the grant."""

    __slots__ = ("granted",)

    granted: asyncio.Future[tuple[int, _Gate]]

    def done(self) -> bool:
        return self.granted.done()

    def grant(self, replica: int, gate: _Gate) -> None:
        self.granted.set_result((replica, gate))

    def refuse(self, error: errors.MeshError) -> None:
        self.granted.set_exception(error)


class Lane:
    """The slots of one executor and the requests that wait for them."""

    def __init__(
        self,
        slots: int | Sequence[int],
        queue: int,
        ageing_s: float,
        clock: Callable[[], float] = time.monotonic,
        counter: Counter | None = None,
        *,
        queue_bytes: int = MOST_QUEUED_BYTES,
        weight: Callable[[str], float] = everybody_alike,
    ) -> None:
        """`slots`: of its only replica, or of each. `queue`, `queue_bytes`: what may wait.
        `weight`: of a tenant.
        """
        self.slots_of = [slots] if isinstance(slots, int) else list(slots)
        """How many may run at once on each replica; see `resize`."""
        self.queue = FairQueue[Place](queue, queue_bytes, ageing_s, weight)
        """Who waits; to be looked at only."""
        self.tally = Tally()
        self._counter = Counted(len(self.slots_of)) if counter is None else counter
        for replica, count in enumerate(self.slots_of):
            self._counter.resize(count, replica)
        self._clock = clock
        self._by_class = [0] * CLASSES
        self._inside = 0

    @property
    def slots(self) -> int:
        """How many may run at once."""
        return sum(self.slots_of)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self.queue)

    @property
    def running(self) -> int:
        """How many run, those beyond the slots too."""
        return sum(self._counter.running()) + self._inside

    @property
    def running_of(self) -> Sequence[int]:
        """How many have a slot of each replica."""
        return self._counter.running()

    def answered(self, replica: int) -> int:
        """Calls that a replica has answered, and that only the data path knows of."""
        return self._counter.answered(replica)

    @property
    def running_by_class(self) -> list[int]:
        """How many have a slot, by rank."""
        theirs = self._counter.by_class()
        return [ours + other for ours, other in zip(self._by_class, theirs, strict=True)]

    async def slot(
        self,
        priority: int,
        deadline: float | None,
        *,
        tenant: str = "",
        size: int = 0,
        algorithm: str = "",
        inside: bool = False,
    ) -> Slot:
        """Get a slot, now or in turn. `deadline`: on time.monotonic(). `size`: the request's bytes.

        `inside`: who asks has one already, further up, and would wait for itself; so it gets
        another at once, beyond what there are and what its algorithm may.

        Raises QueueFull, DeadlineExceeded, or what `refuse` was given; then nothing is held.
        """
        rank = _RANK[priority]
        if inside:
            self._inside += 1
            return Slot(self, rank, None)
        gate = self.queue.gate(algorithm)
        free = not self.waiting and (gate is None or gate.free > 0)
        if free and (replica := self._counter.take_first()) is not None:
            if gate is not None:
                gate.running += 1
            self._by_class[rank] += 1
        else:
            place = _Future(tenant, rank, size=size, deadline=deadline, algorithm=algorithm)
            replica, gate = await self._turn(place)
        return Slot(self, rank, replica, gate)

    def join(self, place: Place) -> None:
        """Wait in turn; the grant, or the refusal, may come at once."""
        self.queue.add(place, self._clock())
        self.grant()
        shares = self.queue.shares
        while shares.too_many or shares.too_large:
            most, of = (
                (shares.most, "requests") if shares.too_many else (shares.most_bytes, "bytes")
            )
            shed = self.queue.shed()
            self.tally.shed[shed.rank] += 1
            if not shed.done():
                shed.refuse(errors.QueueFull(most, RETRY_FULL_S, of))

    def leave_inside(self) -> None:
        """A slot's business only, of one beyond those that are counted."""
        self._inside -= 1

    def leave(self, place: Place) -> None:
        """A place has become done without a word from here: it waits no more."""
        self.queue.leave(place)

    def grant(self) -> None:
        """Give free slots to those who are next."""
        while self.queue.standing and (replica := self._counter.take()) is not None:
            now = self._clock()
            place, gate, late = self.queue.take(now)
            for each in late:
                self._late(each)
            if place is None:
                self._counter.give_back(replica)
                return
            self.tally.grant(place.rank, now - place.arrived)
            place.grant(replica, gate)

    async def _turn(self, place: _Future) -> tuple[int, _Gate]:
        loop = asyncio.get_running_loop()
        place.granted = loop.create_future()
        timer = None
        self._counter.begin_waiting()
        try:
            self._counter.catch_up()
            self.join(place)
            if place.deadline is not None:
                timer = loop.call_later(place.deadline - self._clock(), self._expire, place)
            replica, gate = await place.granted
        except asyncio.CancelledError:
            if place.granted.cancelled():
                self.leave(place)
            elif place.granted.exception() is None:
                # The caller left in the very moment of the grant.
                self._free(*place.granted.result())
            raise
        finally:
            self._counter.end_waiting()
            if timer is not None:
                timer.cancel()
        self._by_class[place.rank] += 1
        return replica, gate

    def give_back(self, replica: int, rank: int, gate: _Gate) -> None:
        """A slot's business only."""
        self._by_class[rank] -= 1
        self._free(replica, gate)

    def exchange(self, replica: int, other: int) -> bool:
        """Likewise."""
        exchanged = self._counter.exchange(replica, other)
        if exchanged:
            self.grant()
        return exchanged

    def _free(self, replica: int, gate: _Gate) -> None:
        if gate is not None:
            self.queue.gave_back(gate)
        self._counter.give_back(replica)
        self.grant()

    def resize(self, slots: int, replica: int = 0) -> None:
        """Say how many may run at once on a replica; those beyond that run already are let be."""
        self.slots_of[replica] = slots
        self._counter.resize(slots, replica)
        self.grant()

    def set_limits(self, limits: Mapping[str, int]) -> None:
        """Say how many of an algorithm may run at once; others are not limited."""
        self.queue.set_limits(limits)
        self.grant()

    def refuse(self, error: Callable[[], errors.MeshError]) -> None:
        """Let nobody wait any longer: each gets an error of its own."""
        for place in self.queue.clear():
            if not place.done():
                place.refuse(error())

    def _expire(self, place: Place) -> None:
        if self.queue.leave(place):
            self._late(place)

    def _late(self, place: Place) -> None:
        self.tally.late[place.rank] += 1
        if not place.done():
            place.refuse(errors.DeadlineExceeded("queue"))


def rank_of(priority: int) -> int:
    """A priority's rank, as it is on the wire; none means interactive."""
    return _RANK[priority or compute_pb2.PRIORITY_INTERACTIVE]

"""A lane beside a model of it: whatever happens, who is next and what is taken agree."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from clock import Clock
from edgemesh.compute.v1 import compute_pb2
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edgemesh_gateway.schedule import Lane, Slot
from edgemesh_gateway.scheduling import UNDATED_S
from edgemesh_gateway.scheduling.order import AGED_EVERY
from mesh_service import errors

REALTIME = compute_pb2.PRIORITY_REALTIME
INTERACTIVE = compute_pb2.PRIORITY_INTERACTIVE
BATCH = compute_pb2.PRIORITY_BATCH
AGEING_S = 10.0
CLASS: dict[int, int] = {REALTIME: 0, INTERACTIVE: 1, BATCH: 2}


class Waiting:
    """One in the model."""

    def __init__(
        self,
        at: float,
        number: int,
        priority: int,
        task: asyncio.Task[Slot],
        deadline: float | None,
    ) -> None:
        self.rank = CLASS[priority]
        self.age = (at + self.rank * AGEING_S, number)
        self.due = (at + UNDATED_S if deadline is None else deadline, number)
        self.task, self.deadline, self.number = task, deadline, number


class LaneMachine(RuleBasedStateMachine):
    """A lane of two replicas and one tenant beside a model of it: those who wait, in order of
    arrival.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = Clock()
        self.lane = Lane([1, 1], 8, AGEING_S, self.clock)
        self.waiting: list[Waiting] = []
        self.held: list[Slot] = []
        self.arrivals = self.passed = 0

    def teardown(self) -> None:
        for each in self.waiting:
            each.task.cancel()
        for slot in self.held:
            slot.release()
        self.turn()
        for each in self.waiting:
            task = each.task
            if task.done() and not task.cancelled() and task.exception() is None:
                task.result().release()
        assert (self.lane.running, self.lane.waiting) == (0, 0)
        assert not any(self.lane.running_by_class)
        self.loop.close()

    def turn(self) -> None:
        async def rest() -> None:
            for _ in range(4):
                await asyncio.sleep(0)

        self.loop.run_until_complete(rest())

    def next(self) -> Waiting:
        """Of the highest class, or at every eighth grant of one that has aged, the first due."""
        rank = min(each.rank for each in self.waiting)
        aged = self.aged()
        if aged is not None and self.passed >= AGED_EVERY - 1:
            rank = aged
        return min((e for e in self.waiting if e.rank == rank), key=lambda each: each.due)

    def aged(self) -> int | None:
        """The class that has waited longest, in its measure, if it is not the highest."""
        oldest = {e.rank: e.age[0] for e in sorted(self.waiting, key=lambda e: -e.number)}
        highest = min(oldest)
        lower = {rank: age for rank, age in oldest.items() if rank > highest}
        aged = min(lower, key=lambda rank: (lower[rank], rank), default=None)
        return None if aged is None or oldest[aged] > oldest[highest] else aged

    def granted(self, each: Waiting) -> None:
        """Count it; it waits still."""
        if (aged := self.aged()) is not None:
            self.passed = 0 if each.rank == aged else self.passed + 1

    def held_of(self, replica: int) -> int:
        """How many have a slot of it."""
        return sum(slot.replica == replica for slot in self.held)

    def free(self) -> int:
        """Slots that anybody may have now."""
        return sum(
            max(0, slots - self.held_of(replica))
            for replica, slots in enumerate(self.lane.slots_of)
        )

    def late(self, each: Waiting) -> bool:
        return each.deadline is not None and each.deadline <= self.clock.now

    def settle(self) -> None:
        """After a change: whoever's turn it was, in the model, has a slot, and nobody else."""
        expected: list[asyncio.Task[Slot]] = []
        late: list[asyncio.Task[Slot]] = []
        while self.waiting and len(expected) < self.free():
            each = self.next()
            if not self.late(each):
                self.granted(each)
            self.waiting.remove(each)
            (late if self.late(each) else expected).append(each.task)
        self.turn()
        for task in expected:
            assert task.done(), "its turn had come"
            self.held.append(task.result())
        for task in late:
            assert isinstance(task.exception(), errors.DeadlineExceeded)
        assert not any(each.task.done() for each in self.waiting), "granted out of turn"

    @rule(
        priority=st.sampled_from([REALTIME, INTERACTIVE, BATCH]),
        patience=st.none() | st.integers(1, 90),
    )
    def arrive(self, priority: int, patience: int | None) -> None:
        # Timers run on the loop's clock: far away. Passing is seen at the grant.
        deadline = None if patience is None else self.clock.now + patience
        asking: Coroutine[Any, Any, Slot] = self.lane.slot(priority, deadline)
        task = self.loop.create_task(asking)
        self.turn()
        self.arrivals += 1
        if self.free():
            self.held.append(task.result())
            return
        self.waiting.append(Waiting(self.clock.now, self.arrivals, priority, task, deadline))
        if len(self.waiting) > 8:
            newest = max(self.waiting, key=lambda each: (each.rank, each.number))
            self.waiting.remove(newest)
            assert isinstance(newest.task.exception(), errors.QueueFull)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        slot = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        slot.release()
        slot.release()
        self.settle()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        task = self.waiting.pop(data.draw(st.integers(0, len(self.waiting) - 1))).task
        task.cancel()
        self.settle()
        assert task.cancelled()

    @precondition(lambda self: self.held and self.waiting)
    @rule()
    def leave_in_the_moment_of_the_grant(self) -> None:
        self.held.pop().release()
        if self.free():
            late: list[Waiting] = []
            while self.waiting and self.late(each := self.next()):
                # Those who were late before it are told so by the same grant.
                self.waiting.remove(each)
                late.append(each)
            if self.waiting:
                each = self.next()
                self.granted(each)
                self.waiting.remove(each)
                each.task.cancel()
                self.turn()
                assert each.task.cancelled()
            self.turn()
            assert all(isinstance(e.task.exception(), errors.DeadlineExceeded) for e in late)
        self.settle()

    @rule(seconds=st.integers(1, 15))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    @rule(slots=st.integers(0, 3), replica=st.integers(0, 1))
    def resize(self, slots: int, replica: int) -> None:
        self.lane.resize(slots, replica)
        self.settle()

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def exchange(self, data: st.DataObject) -> None:
        slot = data.draw(st.sampled_from(self.held))
        assert slot.replica is not None
        other = 1 - slot.replica
        free = self.lane.slots_of[other] > self.held_of(other)
        slot.exchange(other)
        assert (slot.replica == other) is free
        self.settle()

    @rule()
    def refuse(self) -> None:
        self.lane.refuse(lambda: errors.NotStarted("cpp", 1.0))
        self.turn()
        for each in self.waiting:
            assert isinstance(each.task.exception(), errors.NotStarted)
        self.waiting.clear()

    @invariant()
    def counts_agree(self) -> None:
        assert list(self.lane.running_of) == [self.held_of(0), self.held_of(1)]
        assert self.lane.waiting == len(self.waiting)


TestLane = LaneMachine.TestCase
TestLane.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)

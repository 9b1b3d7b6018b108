"""Both counters of slots beside one model: never more than there are, none that is free refused,
and always of the replica of which the largest share is free.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edgemesh_gateway.counters import Counted, Counter, Slots
from edgemesh_gateway.datapath import STAGES, refusal
from mesh_service import errors


def native(replicas: int) -> Counter:
    """The data path's, which serves nobody."""
    from edgemesh_datapath import DataPath

    path = DataPath(
        inner=Path("nowhere"),
        executors=[[(f"127.0.0.1:{n + 1}", []) for n in range(replicas)]],
        most_request=1,
        most_held=1,
        stages={name: refusal(errors.DeadlineExceeded(stage)) for name, stage in STAGES.items()},
    )
    return Slots(path, 0)


KINDS = {"python": Counted, "native": native}
kinds = pytest.mark.parametrize("kind", KINDS)


@kinds
def test_equals_take_turns_also_when_all_are_idle(kind: str) -> None:
    counter = KINDS[kind](3)
    for replica in range(3):
        counter.resize(4, replica)
    taken: list[int | None] = []
    for _ in range(9):
        taken.append(counter.take())
        assert taken[-1] is not None
        counter.give_back(taken[-1])
    assert taken == [0, 1, 2] * 3


@kinds
def test_who_waits_in_python_is_not_overtaken(kind: str) -> None:
    counter = KINDS[kind](2)
    counter.resize(1, 1)
    counter.begin_waiting()
    assert counter.take_first() is (None if kind == "native" else 1)
    counter.end_waiting()
    counter.resize(1, 0)
    assert counter.take_first() == 0


class CounterMachine(RuleBasedStateMachine):
    """A counter of three replicas."""

    kind = ""

    def __init__(self) -> None:
        super().__init__()
        self.counter: Counter = KINDS[self.kind](3)
        self.slots = [0, 0, 0]
        self.running = [0, 0, 0]

    def free(self, replica: int) -> int:
        return max(0, self.slots[replica] - self.running[replica])

    def share(self, replica: int) -> Fraction:
        return Fraction(self.free(replica), self.slots[replica] or 1)

    @rule(replica=st.integers(0, 2), slots=st.integers(0, 5))
    def resize(self, replica: int, slots: int) -> None:
        self.counter.resize(slots, replica)
        self.slots[replica] = slots

    @rule(first=st.booleans())
    def take(self, first: bool) -> None:
        taken = self.counter.take_first() if first else self.counter.take()
        free = [replica for replica in range(3) if self.free(replica)]
        if taken is None:
            assert not free
            return
        assert taken in free
        assert self.share(taken) == max(map(self.share, free))
        self.running[taken] += 1

    @precondition(lambda self: any(self.running))
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        replica = data.draw(st.sampled_from([n for n in range(3) if self.running[n]]))
        self.counter.give_back(replica)
        self.running[replica] -= 1

    @precondition(lambda self: any(self.running))
    @rule(data=st.data(), other=st.integers(0, 2))
    def exchange(self, data: st.DataObject, other: int) -> None:
        replica = data.draw(st.sampled_from([n for n in range(3) if self.running[n]]))
        assert self.counter.exchange(replica, other) is (self.free(other) > 0)
        if self.free(other):
            self.running[other] += 1
            self.running[replica] -= 1

    @invariant()
    def counts_agree(self) -> None:
        assert list(self.counter.running()) == self.running


class PythonMachine(CounterMachine):
    kind = "python"


class NativeMachine(CounterMachine):
    kind = "native"


TestPython = PythonMachine.TestCase
TestNative = NativeMachine.TestCase
for case in (TestPython, TestNative):
    case.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)

"""Who is next and who is sent away: shares, classes, deadlines, bounds, limits, and the dead."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from edgemesh_gateway.scheduling import CLASSES, UNDATED_S, Entry, FairQueue, Gate
from edgemesh_gateway.scheduling.order import AGED_EVERY
from edgemesh_gateway.scheduling.queue import everybody_alike
from edgemesh_gateway.scheduling.ranking import Ranking

AGEING_S = 10.0
REALTIME, INTERACTIVE, BATCH = range(CLASSES)
GATED = "cpp.svd"


class Call(Entry):
    """An entry whose caller may leave."""

    gone = False

    def done(self) -> bool:
        return self.gone


def taken(queue: FairQueue[Call], now: float = 0.0) -> Call:
    call, _, late = queue.take(now)
    assert call is not None
    assert not late
    return call


def queue_of(weights: dict[str, float] | None = None, most: int = 1 << 20) -> FairQueue[Call]:
    weigh = everybody_alike if weights is None else weights.__getitem__
    return FairQueue[Call](most, 1 << 40, AGEING_S, weigh)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from([0.5, 1.0, 2.0, 3.0, 5.0]), min_size=2, max_size=8))
def test_shares_are_as_weights_are(weights: list[float]) -> None:
    named = {f"tenant{number}": weight for number, weight in enumerate(weights)}
    queue = queue_of(named)
    for tenant in named:
        for _ in range(10):
            queue.add(Call(tenant), 0.0)
    got = Counter[str]()
    for _ in range(1000):
        call = taken(queue)
        got[call.tenant] += 1
        queue.add(Call(call.tenant), 0.0)
    for tenant, weight in named.items():
        expected = 1000 * weight / sum(weights)
        # One grant is no share; a tenth of a per cent of all.
        assert abs(got[tenant] - expected) <= max(0.05 * expected, 1.0 + 1e-9)


def test_ten_thousand_of_one_tenant_are_no_wait_for_another() -> None:
    queue = queue_of()
    for _ in range(10_000):
        queue.add(Call("many"), 0.0)
    for _ in range(100):
        queue.add(Call("few"), 0.0)
        assert "few" in (taken(queue).tenant, taken(queue).tenant)


def test_nobody_saves_up_what_was_not_asked_for() -> None:
    queue = queue_of()
    for _ in range(600):
        queue.add(Call("always"), 0.0)
    for _ in range(500):
        taken(queue)
    for _ in range(100):
        queue.add(Call("late"), 0.0)
    got = Counter(taken(queue).tenant for _ in range(100))
    assert abs(got["late"] - 50) <= 1


def test_coming_back_is_no_way_ahead() -> None:
    """One whose next request comes when the last was granted has no more than its share."""
    queue = queue_of({"returns": 1.0, "waits": 3.0})
    for _ in range(1000):
        queue.add(Call("waits"), 0.0)
    got = Counter[str]()
    for _ in range(1000):
        if not queue.shares.of("returns"):
            queue.add(Call("returns"), 0.0)
        got[taken(queue).tenant] += 1
    assert abs(got["returns"] - 250) <= 12


def test_what_a_class_did_not_get_is_no_credit_in_it() -> None:
    queue = queue_of()
    for tenant in ("both", "old"):
        for _ in range(200):
            queue.add(Call(tenant, BATCH), 0.0)
    for _ in range(100):
        queue.add(Call("both", REALTIME), 0.0)
    assert all(taken(queue).rank == REALTIME for _ in range(100))
    got = Counter(taken(queue).tenant for _ in range(100))
    assert abs(got["old"] - 50) <= 1


@pytest.mark.parametrize("weight", [0.1, 100.0])
def test_a_class_that_has_aged_has_its_turns_and_does_not_take_over(weight: float) -> None:
    queue = queue_of({"many": weight, "few": 1.0})
    for _ in range(10_000):
        queue.add(Call("many", BATCH), 0.0)
    for _ in range(10_000):
        queue.add(Call("few", INTERACTIVE), 5 * AGEING_S)
    got = Counter(taken(queue, 5 * AGEING_S).rank for _ in range(800))
    assert got == {INTERACTIVE: 700, BATCH: 100}


@settings(deadline=None, max_examples=25)
@given(
    tenants=st.integers(1, 30),
    rank=st.sampled_from([INTERACTIVE, BATCH]),
    weight=st.sampled_from([0.1, 1.0]),
)
def test_nobody_starves(tenants: int, rank: int, weight: float) -> None:
    """Against an endless stream of realtime, each with a deadline, of tenants of more weight."""
    weights = {f"tenant{number}": 2.0 for number in range(tenants)} | {"low": weight}
    queue = queue_of(weights)
    low = Call("low", rank)
    queue.add(low, 0.0)
    now, grants, step = 0.0, 0, 0.1
    while True:
        for tenant in weights.keys() - {"low"}:
            if not queue.shares.of(tenant):
                queue.add(Call(tenant, REALTIME, deadline=now + 1.0), now)
        if queue.take(now)[0] is low:
            break
        now += step
        grants += 1
        # Its class ages, by more than the others have waited, and then has a turn.
        assert grants <= rank * AGEING_S / step + tenants + AGED_EVERY + 1


def test_the_earliest_deadline_goes_first_and_others_as_they_came() -> None:
    queue = queue_of()
    deadlines = [30.0, None, 5.0, None, 90.0, UNDATED_S]
    for deadline in deadlines:
        queue.add(Call(deadline=deadline), 0.0)
    order = [taken(queue).deadline for _ in deadlines]
    assert order == [5.0, 30.0, None, None, UNDATED_S, 90.0]


def test_what_is_over_an_algorithms_limit_holds_up_nobody() -> None:
    queue = queue_of()
    queue.set_limits({GATED: 1})
    limited = [Call("a", algorithm=GATED) for _ in range(5)]
    others = [Call("a") for _ in range(5)]
    for call in limited + others:
        queue.add(call, 0.0)
    first, gate, _ = queue.take(0.0)
    assert first is limited[0]
    assert gate is not None
    assert [queue.take(0.0)[0] for _ in range(6)] == [*others, None]
    assert (len(queue), queue.standing) == (4, 0)
    queue.gave_back(gate)
    assert [queue.take(0.0)[0] for _ in range(2)] == [limited[1], None]
    # A limit that goes lets all of them stand again.
    queue.set_limits({})
    assert [queue.take(0.0)[0] for _ in range(4)] == [*limited[2:], None]
    queue.gave_back(gate)


def test_who_waits_for_a_limit_is_next_by_class_and_not_by_arrival() -> None:
    queue = queue_of()
    queue.set_limits({GATED: 1})
    calls = [Call("a", BATCH, algorithm=GATED) for _ in range(3)]
    calls.append(Call("b", REALTIME, algorithm=GATED))
    queue.add(calls[0], 0.0)
    _, gate, _ = queue.take(0.0)
    assert gate is not None
    for call in calls[1:]:
        queue.add(call, 1.0)
    queue.gave_back(gate)
    assert queue.take(1.0)[0] is calls[3]


def test_who_waits_for_a_limit_goes_before_a_later_deadline_of_its_own_tenant() -> None:
    queue = queue_of()
    queue.set_limits({GATED: 2})
    gates: list[Gate[Call] | None] = []
    for tenant in ("a", "b"):
        queue.add(Call(tenant, algorithm=GATED), 0.0)
        gates.append(queue.take(0.0)[1])
    for tenant in ("a", "b"):
        queue.add(Call(tenant, algorithm=GATED), 0.0)
    soon = Call("c", deadline=5.0, algorithm=GATED)
    queue.add(soon, 0.0)
    for gate in gates:
        assert gate is not None
        queue.gave_back(gate)
    # The others stand now, and have had something; one that comes now stands at once.
    queue.add(Call("c", deadline=9.0, algorithm=GATED), 0.0)
    assert queue.take(0.0)[0] is soon


def test_a_larger_request_than_may_wait_waits_alone() -> None:
    queue = FairQueue[Call](10, 1000, AGEING_S)
    queue.add(Call(size=5000), 0.0)
    assert not queue.shares.too_large
    queue.add(Call(size=1), 0.0)
    assert queue.shares.too_large
    assert queue.shed().size == 1


def test_tenants_that_came_once_are_forgotten() -> None:
    queue = queue_of()
    queue.add(Call("stays"), 0.0)
    for number in range(20_000):
        queue.add(Call("stays"), 0.0)
        queue.add(Call(f"once{number}"), 0.0)
        queue.take(0.0)
        queue.take(0.0)
    classes: Any = queue._order._classes  # pyright: ignore[reportPrivateUsage, reportUnknownMemberType]
    assert len(classes[INTERACTIVE].lines) < 3000


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5) | st.none())))
def test_a_ranking_is_as_sorting_is(steps: list[tuple[int, int | None]]) -> None:
    ranking, model = Ranking[int](), dict[int, tuple[int, int]]()
    for puts, (member, key) in enumerate(steps * 9):
        if key is None:
            ranking.drop(member)
            model.pop(member, None)
        else:
            ranking.put(member, key)
            model[member] = key, puts
        assert ranking.first() == min(model, key=model.__getitem__, default=None)
        assert len(ranking) == len(model)
        assert len(ranking._heap) <= 2 * 10 + 65  # pyright: ignore[reportPrivateUsage]


MOST, MOST_BYTES = 12, 400
WEIGHTS = {"a": 1.0, "b": 2.0, "c": 0.5}


class QueueMachine(RuleBasedStateMachine):
    """A queue beside a list of those who wait, in order of arrival."""

    @initialize(limit=st.none() | st.integers(1, 3))
    def begin(self, limit: int | None) -> None:
        self.queue = FairQueue[Call](MOST, MOST_BYTES, AGEING_S, WEIGHTS.__getitem__)
        self.limit(limit)
        self.now = 0.0
        self.waiting: list[Call] = []
        self.held: list[Gate[Call]] = []
        self.turns = 0
        """Grants since one was a lower class's."""

    @rule(limit=st.none() | st.integers(1, 3))
    def limit(self, limit: int | None) -> None:
        self.most = limit
        self.queue.set_limits({} if limit is None else {GATED: limit})
        if limit is None:
            self.held = []

    def may_run(self, call: Call) -> bool:
        gate = self.queue.gate(call.algorithm)
        return gate is None or gate.free > 0

    def late(self, call: Call) -> bool:
        return call.deadline is not None and call.deadline <= self.now

    @rule(
        tenant=st.sampled_from(sorted(WEIGHTS)),
        rank=st.sampled_from(range(CLASSES)),
        size=st.sampled_from([0, 10, 80, 500]),
        patience=st.none() | st.sampled_from([1.0, 5.0, 100.0]),
        algorithm=st.sampled_from(["", "", GATED]),
    )
    def arrive(
        self, tenant: str, rank: int, size: int, patience: float | None, algorithm: str
    ) -> None:
        deadline = None if patience is None else self.now + patience
        call = Call(tenant, rank, size=size, deadline=deadline, algorithm=algorithm)
        self.queue.add(call, self.now)
        self.waiting.append(call)
        while self.queue.shares.too_many or self.queue.shares.too_large:
            self.shed()

    def shed(self) -> None:
        """It must be the newest, of the largest share over its weight, in the lowest class."""
        lowest = max(call.rank for call in self.waiting)
        shares = dict[str, float]()
        for tenant, weight in WEIGHTS.items():
            own = [c for c in self.waiting if (c.tenant, c.rank) == (tenant, lowest)]
            count, size = len(own) / MOST, sum(c.size for c in own) / MOST_BYTES
            shares[tenant] = max(count, size) / weight if own else -1.0
        gone = self.queue.shed()
        assert gone.rank == lowest
        assert shares[gone.tenant] == pytest.approx(max(shares.values()))
        own = [c for c in self.waiting if (c.tenant, c.rank) == (gone.tenant, lowest)]
        assert gone is own[-1]
        self.waiting.remove(gone)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), tells=st.booleans())
    def leave(self, data: st.DataObject, tells: bool) -> None:
        call = data.draw(st.sampled_from(self.waiting))
        if tells:
            assert self.queue.leave(call)
            assert not self.queue.leave(call)
            self.waiting.remove(call)
        else:
            call.gone = True

    @rule()
    def take(self) -> None:
        alive = [c for c in self.waiting if not c.gone and not self.late(c) and self.may_run(c)]
        waited = list(self.waiting)
        call, gate, late = self.queue.take(self.now)
        assert all(self.late(other) and not other.gone for other in late)
        self.waiting = [c for c in self.waiting if c not in late and c in self.queue.shares]
        # Who had left was forgotten on the way, at most.
        assert len(self.waiting) == len(self.queue)
        if call is None:
            assert not alive, "there was work, and it was not given out"
            return
        assert call in alive
        same = [
            c
            for c in alive
            if (c.tenant, c.rank, c.algorithm) == (call.tenant, call.rank, call.algorithm)
        ]
        assert call is min(same, key=lambda c: (c.due, c.serial)), "out of order"
        if self.most is None and call.rank > (highest := min(c.rank for c in alive)):
            # It has aged; those who have left without a word may have made it older, or others.
            oldest = min(c.arrived for c in waited if c.rank == call.rank)
            newest = max(c.arrived for c in waited if c.rank == highest)
            assert oldest + (call.rank - highest) * AGEING_S <= newest, "past a higher class"
            assert self.turns >= AGED_EVERY - 1, "more than its turns"
            self.turns = 0
        else:
            self.turns += 1
        if gate is not None:
            self.held.append(gate)

    @precondition(lambda self: self.held)
    @rule()
    def give_back(self) -> None:
        self.queue.gave_back(self.held.pop())

    @rule(seconds=st.sampled_from([0.5, 4.0, 11.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def clear(self) -> None:
        assert self.queue.clear() == self.waiting
        self.waiting = []

    @invariant()
    def counts_agree(self) -> None:
        shares = self.queue.shares
        assert len(self.queue) == len(self.waiting) <= MOST
        assert shares.bytes == sum(c.size for c in self.waiting)
        assert shares.bytes <= MOST_BYTES or len(self.waiting) == 1
        for rank in range(CLASSES):
            own = [c for c in self.waiting if c.rank == rank]
            assert (shares.counts[rank], shares.sizes[rank]) == (
                len(own),
                sum(c.size for c in own),
            )
        for tenant in WEIGHTS:
            assert shares.of(tenant) == sum(c.tenant == tenant for c in self.waiting)
        gate = self.queue.gate(GATED)
        if gate is not None:
            assert gate.running == len(self.held)
            assert self.queue.standing + len(gate.aside) == len(self.queue)
            assert not len(gate.aside) or gate.standing >= gate.free


TestQueue = QueueMachine.TestCase
TestQueue.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)

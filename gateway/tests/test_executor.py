"""Where sessions belong, and when a replica is left out."""

from __future__ import annotations

from collections import Counter

from clock import Clock

from edgemesh_gateway.outlier import FAILURES, LONGEST_S, Outlier
from edgemesh_gateway.rendezvous import home

ADDRESSES = ("a:1", "b:1", "c:1")


def test_a_session_has_the_same_home_in_every_gateway_and_release() -> None:
    homes = [home("tenant", f"s-{n}", ADDRESSES) for n in range(12)]
    # Written down: another function would lose the sessions that there are.
    assert homes == GOLDEN
    assert [home("tenant", f"s-{n}", ("a:1",)) for n in range(3)] == [0, 0, 0]


GOLDEN = [2, 0, 2, 1, 0, 1, 2, 0, 2, 1, 2, 0]


def test_sessions_are_spread_and_one_replica_more_moves_its_share_only() -> None:
    names = [(f"t-{n % 7}", f"s-{n}") for n in range(3000)]
    before = [ADDRESSES[home(*name, ADDRESSES)] for name in names]
    assert all(800 < count < 1200 for count in Counter(before).values())
    more = (*ADDRESSES[::-1], "d:1")
    after = [more[home(*name, more)] for name in names]
    moved = [now for was, now in zip(before, after, strict=True) if was != now]
    assert set(moved) == {"d:1"}
    assert 600 < len(moved) < 900


def test_a_tenants_name_does_not_run_into_the_sessions() -> None:
    pairs = [home("ab", f"c{n}", ADDRESSES) == home("a", f"bc{n}", ADDRESSES) for n in range(99)]
    assert not all(pairs)


def fail(outlier: Outlier, more: int = 0) -> bool:
    """As often as it takes; whether the last one was enough and none before it."""
    return [outlier.failed(more) for _ in range(FAILURES)] == [False] * (FAILURES - 1) + [True]


def test_failures_in_a_row_leave_out_longer_each_time_and_are_forgiven() -> None:
    clock = Clock()
    outlier = Outlier(clock)
    for expected in (1, 2, 4, 8, 16, 30, 30):
        assert fail(outlier)
        assert outlier.leave_out() == expected
        assert outlier.out
        assert not any(outlier.failed(0) for _ in range(FAILURES))
        clock.now += expected
        assert not outlier.out
        # What failed while it was out counts no more.
        outlier.answered += 1
    clock.now += LONGEST_S + 1
    assert fail(outlier)
    assert outlier.leave_out() == 1
    assert outlier.times == 8


def test_an_answer_in_between_begins_anew_whoever_has_brought_it() -> None:
    outlier = Outlier(Clock())
    for _ in range(FAILURES - 1):
        assert not outlier.failed(0)
    outlier.answered += 1
    assert not outlier.failed(0)
    for _ in range(FAILURES - 2):
        assert not outlier.failed(0)
    assert not outlier.failed(1)
    assert not any(outlier.failed(1) for _ in range(FAILURES - 2))
    assert outlier.failed(1)

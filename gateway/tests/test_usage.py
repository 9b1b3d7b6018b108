"""Compute seconds: added up, kept, and lost by nothing that comes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from edgemesh_gateway.allowance import Allowance, Own, until_tomorrow
from edgemesh_gateway.policy import parse
from edgemesh_gateway.usage import Usage
from mesh_service import errors

POLICY = parse("[default]\n[tenants.ann]\ncompute_seconds_per_day = 10\n")
NOON = 1_800_000_000.0 // 86_400 * 86_400 + 43_200


class Fake:
    """A database that can be away, and has others' seconds."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, float]] = {}
        self.away = False

    async def add(self, day: str, seconds: Mapping[str, float]) -> dict[str, float]:
        if self.away:
            raise OperationalError("", {}, Exception())
        kept = self.kept.setdefault(day, {})
        for tenant, more in seconds.items():
            kept[tenant] = kept.get(tenant, 0.0) + more
        return dict(kept)


class Counted:
    """Usage by a clock that is set."""

    def __init__(self) -> None:
        self.now = NOON
        self.store = Fake()
        self.allowance = Allowance(Own(), POLICY)
        untyped: Any = self.store
        self.usage = Usage(self.allowance, untyped, clock=lambda: self.now)

    def refused(self, tenant: str = "ann") -> bool:
        self.usage.look()
        try:
            self.allowance.enter(tenant, counted=False)
        except errors.ComputeSpent:
            return True
        return False


async def test_seconds_count_at_once_and_for_the_day() -> None:
    at = Counted()
    at.usage.ran("ann", 9.9)
    at.usage.ran("bob", 100.0)
    assert not at.refused()
    at.usage.ran("ann", 0.1)
    assert at.refused()
    assert not at.refused("bob")
    await at.usage.keep()
    assert at.refused()
    (kept,) = at.store.kept.values()
    assert kept == pytest.approx({"ann": 10.0})
    at.now += 43_200
    assert not at.refused()


async def test_what_others_had_counts_too() -> None:
    at = Counted()
    at.usage.ran("ann", 4.0)
    await at.usage.keep()
    (kept,) = at.store.kept.values()
    kept["ann"] += 6.0
    assert not at.refused()
    await at.usage.keep()
    assert at.refused()


async def test_a_database_that_is_away_loses_and_doubles_nothing() -> None:
    at = Counted()
    at.usage.ran("ann", 6.0)
    at.store.away = True
    for _ in range(3):
        with pytest.raises(OperationalError):
            await at.usage.keep()
        assert not at.refused()
    at.usage.ran("ann", 4.0)
    assert at.refused()
    at.store.away = False
    await at.usage.keep()
    await at.usage.keep()
    (kept,) = at.store.kept.values()
    assert kept == {"ann": 10.0}


def test_until_the_day_ends() -> None:
    assert until_tomorrow(NOON) == 43_200
    assert until_tomorrow(NOON + 43_199.9) == 1.0

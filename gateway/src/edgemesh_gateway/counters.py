"""What the native data path counts for both ways in: slots, and what tenants have taken.

Rules: nothing is decided here and nothing kept; each call is one of the data path's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgemesh_datapath import DataPath

    from edgemesh_gateway.policy import Rules


class Slots:
    """An executor's slots as the data path counts them; a `schedule.Counter`."""

    def __init__(self, path: DataPath, lane: int) -> None:
        self._path = path
        self._lane = lane

    def resize(self, slots: int) -> None:
        """Say how many there are."""
        self._path.set_slots(self._lane, slots)

    def running(self) -> int:
        """How many are taken."""
        return self._path.running(self._lane)

    def take(self) -> bool:
        """Take one; False: none is free."""
        return self._path.claim(self._lane)

    def give_back(self) -> None:
        """Give one back."""
        self._path.give_back(self._lane)

    def begin_waiting(self) -> None:
        """Somebody in Python waits."""
        self._path.begin_waiting(self._lane)

    def end_waiting(self) -> None:
        """It waits no more."""
        self._path.end_waiting(self._lane)


class Pages:
    """What tenants have taken, as the data path counts it; an `allowance.Book`."""

    def __init__(self, path: DataPath) -> None:
        self._path = path

    def set_rules(self, tenant: str, rules: Rules, spent: bool) -> None:
        """Say what a tenant may."""
        self._path.set_limits(
            tenant,
            most_inside=rules.concurrency,
            most_bytes=rules.max_request_bytes,
            classes=rules.class_bits,
            rated=rules.rate is not None,
            spent=spent,
        )

    def enter(self, tenant: str) -> bool:
        """Count a call in; False: there are as many as may be."""
        return self._path.enter(tenant)

    def leave(self, tenant: str) -> None:
        """Count it out."""
        self._path.leave(tenant)

    def credit(self, tenant: str, calls: int, seconds: float) -> None:
        """So many calls may begin within the time, instead of what was left."""
        self._path.credit(tenant, calls, seconds)

    def spend(self, tenant: str) -> bool:
        """Take one of these; False: there is none."""
        return self._path.spend(tenant)

    def take_ran(self) -> list[tuple[str, float]]:
        """Seconds of slots that were held there since the last call."""
        return self._path.take_ran()

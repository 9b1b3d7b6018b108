"""Who counts slots, and what tenants have taken.

Rules: nothing is decided here. Where the native data path moves the bytes it counts for both ways
in: nothing is kept here then, and each call is one of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from edgemesh_gateway.scheduling import CLASSES

if TYPE_CHECKING:
    from edgemesh_datapath import DataPath

    from edgemesh_gateway.policy import Rules


class Counter(Protocol):
    """Counts an executor's slots."""

    def resize(self, slots: int) -> None:
        """Say how many there are."""

    def running(self) -> int:
        """How many are taken."""
        ...

    def by_class(self) -> tuple[int, ...]:
        """How many of these the lane did not grant, by rank."""
        ...

    def take(self) -> bool:
        """Take one for who is next; False: none is free."""
        ...

    def take_first(self) -> bool:
        """Take one for who has just come; False: none is free, or somebody waits already."""
        ...

    def give_back(self) -> None:
        """Give one back."""

    def begin_waiting(self) -> None:
        """Somebody waits: let nobody else take what becomes free."""

    def end_waiting(self) -> None:
        """It waits no more."""

    def catch_up(self) -> None:
        """Have those join who wait already and have not been heard of."""


class Counted:
    """A counter of this process's own: nobody takes a slot but through the lane, which knows."""

    def __init__(self) -> None:
        self._slots = 0
        self._running = 0

    def resize(self, slots: int) -> None:
        """Say how many there are."""
        self._slots = slots

    def running(self) -> int:
        """How many are taken."""
        return self._running

    def by_class(self) -> tuple[int, ...]:
        """The lane has granted all."""
        return (0,) * CLASSES

    def take(self) -> bool:
        """Take one; False: none is free."""
        free = self._running < self._slots
        self._running += free
        return free

    take_first = take

    def give_back(self) -> None:
        """Give one back."""
        self._running -= 1

    def begin_waiting(self) -> None:
        """The lane knows."""

    def end_waiting(self) -> None:
        """Likewise."""

    def catch_up(self) -> None:
        """Likewise."""


class Slots:
    """An executor's slots as the data path counts them; a `schedule.Counter`."""

    def __init__(self, path: DataPath, lane: int) -> None:
        self._path = path
        self._lane = lane
        self.hear: Callable[[], None] = lambda: None
        """Has the data path's questions join the queue."""

    def resize(self, slots: int) -> None:
        """Say how many there are."""
        self._path.set_slots(self._lane, slots)

    def running(self) -> int:
        """How many are taken."""
        return self._path.running(self._lane)

    def by_class(self) -> tuple[int, ...]:
        """How many of these the data path's own calls have, by rank."""
        return self._path.running_by_class(self._lane)

    def take(self) -> bool:
        """Take one for who is next; False: none is free."""
        return self._path.claim(self._lane)

    def take_first(self) -> bool:
        """Take one for who has just come; False: none is free, or somebody waits already."""
        return self._path.claim_first(self._lane)

    def give_back(self) -> None:
        """Give one back."""
        self._path.give_back(self._lane)

    def begin_waiting(self) -> None:
        """Somebody in Python waits."""
        self._path.begin_waiting(self._lane)

    def end_waiting(self) -> None:
        """It waits no more."""
        self._path.end_waiting(self._lane)

    def catch_up(self) -> None:
        """Have those join who wait already and have not been heard of."""
        self.hear()


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

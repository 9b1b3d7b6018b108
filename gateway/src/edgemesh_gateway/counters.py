"""Who counts slots, and what tenants have taken.

Rules: who is next is not decided here; whose slot they get is: a slot is one of a replica's, the
one of which the largest share is free, and equals take turns. Where the native data path moves the
bytes it counts for both ways in, and chooses likewise: nothing is kept here then, and each call is
one of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from edgemesh_gateway.scheduling import CLASSES

if TYPE_CHECKING:
    from edgemesh_datapath import DataPath

    from edgemesh_gateway.policy import Rules


class Counter(Protocol):
    """Counts an executor's slots, those of each replica for themselves."""

    def resize(self, slots: int, replica: int) -> None:
        """Say how many a replica has."""

    def running(self) -> Sequence[int]:
        """How many of each are taken."""
        ...

    def answered(self, replica: int) -> int:
        """Calls that a replica has answered and that only the counter knows of."""
        ...

    def by_class(self) -> tuple[int, ...]:
        """How many of these the lane did not grant, by rank."""
        ...

    def take(self) -> int | None:
        """Take one for who is next; gives the replica whose it is. None: none is free."""
        ...

    def take_first(self) -> int | None:
        """Take one for who has just come; None: none is free, or somebody waits already."""
        ...

    def give_back(self, replica: int) -> None:
        """Give one back."""

    def exchange(self, replica: int, other: int) -> bool:
        """Give one back for one of another replica's; False: none of those is free."""
        ...

    def begin_waiting(self) -> None:
        """Somebody waits: let nobody else take what becomes free."""

    def end_waiting(self) -> None:
        """It waits no more."""

    def catch_up(self) -> None:
        """Have those join who wait already and have not been heard of."""


class Counted:
    """A counter of this process's own: nobody takes a slot but through the lane, which knows."""

    def __init__(self, replicas: int = 1) -> None:
        self._slots = [0] * replicas
        self._running = [0] * replicas
        self._turn = 0

    def resize(self, slots: int, replica: int) -> None:
        """Say how many a replica has."""
        self._slots[replica] = slots

    def running(self) -> Sequence[int]:
        """How many of each are taken."""
        return self._running

    def answered(self, replica: int) -> int:
        """Nobody answers past the lane."""
        return 0

    def by_class(self) -> tuple[int, ...]:
        """The lane has granted all."""
        return (0,) * CLASSES

    def take(self) -> int | None:
        """Take one; gives the replica whose it is. None: none is free."""
        count = len(self._slots)
        best: int | None = None
        for step in range(count):
            index = (self._turn + step) % count
            if self._free(index) > 0 and (best is None or self._freer(index, best)):
                best = index
        if best is not None:
            self._running[best] += 1
            self._turn = (best + 1) % count
        return best

    take_first = take

    def give_back(self, replica: int) -> None:
        """Give one back."""
        self._running[replica] -= 1

    def exchange(self, replica: int, other: int) -> bool:
        """Give one back for one of another replica's; False: none of those is free."""
        if self._free(other) <= 0:
            return False
        self._running[other] += 1
        self._running[replica] -= 1
        return True

    def begin_waiting(self) -> None:
        """The lane knows."""

    def end_waiting(self) -> None:
        """Likewise."""

    def catch_up(self) -> None:
        """Likewise."""

    def _free(self, replica: int) -> int:
        return self._slots[replica] - self._running[replica]

    def _freer(self, one: int, other: int) -> bool:
        return self._free(one) * self._slots[other] > self._free(other) * self._slots[one]


class Slots:
    """An executor's slots as the data path counts them; a `schedule.Counter`."""

    def __init__(self, path: DataPath, lane: int) -> None:
        self._path = path
        self._lane = lane
        self.hear: Callable[[], None] = lambda: None
        """Has the data path's questions join the queue."""

    def resize(self, slots: int, replica: int) -> None:
        """Say how many a replica has."""
        self._path.set_slots(self._lane, replica, slots)

    def running(self) -> Sequence[int]:
        """How many of each are taken."""
        return self._path.running(self._lane)

    def answered(self, replica: int) -> int:
        """Calls that a replica has answered past Python."""
        return self._path.answered(self._lane, replica)

    def by_class(self) -> tuple[int, ...]:
        """How many of these the data path's own calls have, by rank."""
        return self._path.running_by_class(self._lane)

    def take(self) -> int | None:
        """Take one for who is next; gives the replica whose it is. None: none is free."""
        return self._path.claim(self._lane)

    def take_first(self) -> int | None:
        """Take one for who has just come; None: none is free, or somebody waits already."""
        return self._path.claim_first(self._lane)

    def give_back(self, replica: int) -> None:
        """Give one back."""
        self._path.give_back(self._lane, replica)

    def exchange(self, replica: int, other: int) -> bool:
        """Give one back for one of another replica's; False: none of those is free."""
        return self._path.exchange(self._lane, replica, other)

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

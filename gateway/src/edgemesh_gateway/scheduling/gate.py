"""The limit of one algorithm: how many of it run at once, and who waits for that.

Rules: as long as any wait aside, as many stand in the common order as may run; so nothing waits
aside that could run. What stands in the order and may not run yet is put aside when it comes up.
One that comes up while another of its tenant's and class is due sooner makes way for that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from edgemesh_gateway.scheduling.entry import Entry
from edgemesh_gateway.scheduling.order import Order

E = TypeVar("E", bound=Entry)


class Gate(Generic[E]):
    """One algorithm's."""

    __slots__ = ("aside", "limit", "running", "standing")

    def __init__(self, limit: int, ageing_s: float, weight: Callable[[str], float]) -> None:
        self.limit = limit
        self.running = 0
        self.standing = 0
        """Its entries in the common order."""
        self.aside = Order[E](ageing_s, weight)

    @property
    def free(self) -> int:
        """How many more may run."""
        return self.limit - self.running

    def call(self, entry: E) -> None:
        """It is to stand in the common order, and no longer aside."""
        self.aside.grant(entry)
        self.standing += 1

    def put_aside(self, entry: E) -> None:
        """The other way round."""
        self.aside.add(entry)
        self.standing -= 1

    def sooner(self, entry: E) -> E | None:
        """Who waits aside and is due before this one of the same tenant and class."""
        other = self.aside.earliest(entry.tenant, entry.rank) if self.free > 0 else None
        return other if other is not None and other.due < entry.due else None

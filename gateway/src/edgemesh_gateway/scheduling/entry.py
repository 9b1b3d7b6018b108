"""A request as the queue sees it.

Rules: what it wants is said once, when it is made; `arrived`, `serial` and `due` are the queue's.
"""

from __future__ import annotations

CLASSES = 3
"""Classes, the highest being 0: realtime, interactive, batch."""
UNDATED_S = 60.0
"""The patience that a caller who names none is taken to have, where others of its tenant's do."""


class Entry:
    """One that waits, or may. Subclasses say whether their caller has left."""

    __slots__ = ("algorithm", "arrived", "deadline", "due", "rank", "serial", "size", "tenant")

    def __init__(
        self,
        tenant: str = "",
        rank: int = 1,
        *,
        size: int = 0,
        deadline: float | None = None,
        algorithm: str = "",
    ) -> None:
        """`rank`: its class. `size`: bytes. `algorithm`: by whose limit it is bound."""
        self.tenant = tenant
        self.rank = rank
        self.size = size
        self.deadline = deadline
        self.algorithm = algorithm
        self.arrived = 0.0
        self.serial = 0
        self.due = 0.0

    def done(self) -> bool:
        """Whether it waits no more, without a word to the queue."""
        return False

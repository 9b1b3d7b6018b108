"""Whether a look into the database would find what the last one found: nothing that waits.

Rules: only of a database that is this gateway's own, where nothing changes but by its transactions;
into one that is shared everybody looks again and again. What merely grows old is found at the next
look, LONGEST_S after the last.
"""

from __future__ import annotations

import time
from typing import Protocol

LONGEST_S = 30.0


class Written(Protocol):
    """A database, as far as it matters here."""

    shared: bool
    writes: int


class Calm:
    """Of one kind of thing that waits."""

    def __init__(self, database: Written) -> None:
        self._database = database
        self._since: int | None = None
        self._until = 0.0

    @property
    def holds(self) -> bool:
        """Whether nothing waits."""
        return self._since == self._database.writes and time.monotonic() < self._until

    def begin(self) -> int:
        """A look begins: what `end` is told."""
        return self._database.writes

    def end(self, begun: int, waiting: int) -> None:
        """The look has found so many that wait."""
        self._since = None if waiting or self._database.shared else begun
        self._until = time.monotonic() + LONGEST_S

"""In what order those who wait are served: class, tenant, request.

Rules: the highest class that waits is served, but for one grant in AGED_EVERY, which goes to a
lower one that has aged: its oldest has waited `ageing_s` longer than the oldest of the highest, for
each class between them. So a backlog never takes over, however old, and never stands still.

In a class it is start-time fair queueing (Goyal et al.): a tenant's next grant starts where its
last one ended, or now where it has not waited since, and a grant is 1/weight long; the earliest
start is next, and is what "now" is from then on. Each class has such a clock of its own, so that
what it did not get while others went first is no credit in it. A tenant that leaves keeps its end
until "now" has passed it, or coming back would be a way ahead.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from edgemesh_gateway.scheduling.entry import CLASSES, Entry
from edgemesh_gateway.scheduling.ranking import Ranking

E = TypeVar("E", bound=Entry)
AGED_EVERY = 8
_FEW = 1024


class _Line(Generic[E]):
    """What waits of one tenant in one class."""

    __slots__ = ("by_due", "end")

    def __init__(self) -> None:
        self.by_due = Ranking[E]()
        self.end = 0.0
        """Where its last grant ended, which is where the next one starts."""


class _Class(Generic[E]):
    """Those who wait in one class."""

    __slots__ = ("by_age", "lines", "many", "now", "starts")

    def __init__(self) -> None:
        self.by_age = OrderedDict[E, None]()
        """All of them, as they came to stand here."""
        self.lines: dict[str, _Line[E]] = {}
        self.starts = Ranking[_Line[E]]()
        self.now = 0.0
        self.many = _FEW

    def line(self, tenant: str) -> _Line[E]:
        """A tenant's, which is new."""
        if len(self.lines) >= self.many:
            self.lines = {
                name: line
                for name, line in self.lines.items()
                if len(line.by_due) or line.end > self.now
            }
            self.many = max(_FEW, 2 * len(self.lines))
        line = self.lines[tenant] = _Line[E]()
        return line


class Order(Generic[E]):
    """Those who wait, the next first."""

    def __init__(self, ageing_s: float, weight: Callable[[str], float]) -> None:
        self._ageing_s = ageing_s
        self._weight = weight
        self._classes = tuple(_Class[E]() for _ in range(CLASSES))
        self._passed = 0
        """Grants since an aged class had one, while there was one."""
        self._aged: int | None = None
        """The class that has aged most, when the first was looked for."""

    def __len__(self) -> int:
        return sum(len(each.by_age) for each in self._classes)

    def __contains__(self, entry: E) -> bool:
        return entry in self._classes[entry.rank].by_age

    def add(self, entry: E) -> None:
        """Let it wait; it has its moment, its serial and when it is due."""
        its = self._classes[entry.rank]
        line = its.lines.get(entry.tenant)
        if line is None:
            line = its.line(entry.tenant)
        if not len(line.by_due):
            line.end = max(line.end, its.now)
            its.starts.put(line, line.end)
        line.by_due.put(entry, entry.due)
        its.by_age[entry] = None

    def discard(self, entry: E) -> None:
        """Let it wait no more; it is here."""
        its = self._classes[entry.rank]
        del its.by_age[entry]
        line = its.lines[entry.tenant]
        line.by_due.drop(entry)
        if not len(line.by_due):
            its.starts.drop(line)

    def first(self) -> E | None:
        """Who is next."""
        line = self._classes[self._turn()].starts.first()
        return None if line is None else line.by_due.first()

    def earliest(self, tenant: str, rank: int) -> E | None:
        """Who is next of one tenant's in one class."""
        line = self._classes[rank].lines.get(tenant)
        return None if line is None else line.by_due.first()

    def grant(self, entry: E) -> None:
        """The first is served: its tenant has had so much more."""
        its = self._classes[entry.rank]
        line = its.lines[entry.tenant]
        its.now = max(its.now, line.end)
        line.end += 1.0 / self._weight(entry.tenant)
        self.discard(entry)
        if len(line.by_due):
            its.starts.put(line, line.end)
        if self._aged is not None:
            self._passed = 0 if entry.rank == self._aged else self._passed + 1

    def _turn(self) -> int:
        """The class whose turn it is."""
        highest, key, aged, least = None, 0.0, None, 0.0
        for rank, its in enumerate(self._classes):
            if not its.by_age:
                continue
            age = next(iter(its.by_age)).arrived + rank * self._ageing_s
            if highest is None:
                highest, key = rank, age
            elif age <= key and (aged is None or age < least):
                aged, least = rank, age
        self._aged = aged
        if aged is not None and self._passed >= AGED_EVERY - 1:
            return aged
        return highest or 0

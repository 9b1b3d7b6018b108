"""In what order those who wait are served: class, tenant, request.

Rules: start-time fair queueing (Goyal et al.): a tenant's next grant starts where its last one
ended, or now where it has not waited since, and a grant is 1/weight long; the earliest start is
next, and is what "now" is from then on. There is such a clock for each reach of classes that are
served together, so that what a class did not get while higher ones went first is no credit there.
A tenant that leaves keeps its end until "now" has passed it, or coming back would be a way ahead.
An entry's age counts from its arrival, its place among the oldest from when it came to stand here.

    reach   who competes                  when
    0       realtime                      some wait, and no other class has aged
    1       realtime, interactive         no realtime waits, or interactive has aged
    2       all                           only batch waits, or batch has aged
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from edgemesh_gateway.scheduling.entry import CLASSES, Entry
from edgemesh_gateway.scheduling.ranking import Ranking

E = TypeVar("E", bound=Entry)
_FEW = 1024


class _Line(Generic[E]):
    """What waits of one tenant in one class."""

    __slots__ = ("by_age", "by_due")

    def __init__(self) -> None:
        self.by_due = Ranking[E]()
        self.by_age = OrderedDict[E, None]()


class _Flow(Generic[E]):
    """A tenant."""

    __slots__ = ("counts", "ends", "lines")

    def __init__(self) -> None:
        self.lines = tuple(_Line[E]() for _ in range(CLASSES))
        self.counts = [0] * CLASSES
        """How many wait, by reach."""
        self.ends = [0.0] * CLASSES
        """Where its last grant ended, which is where the next one starts; by reach."""


class Order(Generic[E]):
    """Those who wait, the next first."""

    def __init__(self, ageing_s: float, weight: Callable[[str], float]) -> None:
        self._ageing_s = ageing_s
        self._weight = weight
        self._flows: dict[str, _Flow[E]] = {}
        self._ages = tuple(OrderedDict[E, None]() for _ in range(CLASSES))
        self._starts = tuple(Ranking[_Flow[E]]() for _ in range(CLASSES))
        self._now = [0.0] * CLASSES
        self._reach = 0
        self._many = _FEW

    def __len__(self) -> int:
        return sum(map(len, self._ages))

    def __contains__(self, entry: E) -> bool:
        return entry in self._ages[entry.rank]

    def add(self, entry: E) -> None:
        """Let it wait; it has its moment, its serial and when it is due."""
        flow = self._flows.get(entry.tenant)
        if flow is None:
            flow = self._flow(entry.tenant)
        rank, counts = entry.rank, flow.counts
        for reach in range(rank, CLASSES):
            if not counts[reach]:
                flow.ends[reach] = start = max(flow.ends[reach], self._now[reach])
                self._starts[reach].put(flow, start)
            counts[reach] += 1
        line = flow.lines[rank]
        line.by_due.put(entry, entry.due)
        line.by_age[entry] = None
        self._ages[rank][entry] = None

    def discard(self, entry: E) -> None:
        """Let it wait no more; it is here."""
        rank = entry.rank
        del self._ages[rank][entry]
        flow = self._flows[entry.tenant]
        line = flow.lines[rank]
        line.by_due.drop(entry)
        del line.by_age[entry]
        counts = flow.counts
        for reach in range(rank, CLASSES):
            counts[reach] -= 1
            if not counts[reach]:
                self._starts[reach].drop(flow)

    def first(self) -> E | None:
        """Who is next."""
        self._reach = reach = self._reached()
        flow = self._starts[reach].first()
        return None if flow is None else self._line(flow, reach).by_due.first()

    def earliest(self, tenant: str, rank: int) -> E | None:
        """Who is next of one tenant's in one class."""
        flow = self._flows.get(tenant)
        return None if flow is None else flow.lines[rank].by_due.first()

    def grant(self, entry: E) -> None:
        """The first is served: its tenant has had so much more."""
        reach, flow = self._reach, self._flows[entry.tenant]
        start = flow.ends[reach]
        if start > self._now[reach]:
            self._now[reach] = start
        flow.ends[reach] = end = start + 1.0 / self._weight(entry.tenant)
        self.discard(entry)
        if flow.counts[reach]:
            self._starts[reach].put(flow, end)

    def _reached(self) -> int:
        """The lowest class that is served together with the highest that waits."""
        reach, highest = 0, None
        for rank, ages in enumerate(self._ages):
            if not ages:
                continue
            key = next(iter(ages)).arrived + rank * self._ageing_s
            if highest is None:
                reach, highest = rank, key
            elif key <= highest:
                reach = rank
        return reach

    def _line(self, flow: _Flow[E], reach: int) -> _Line[E]:
        """A tenant's own classes go by age too, with `ageing_s` for each between them."""
        best, least = flow.lines[0], None
        for rank, line in enumerate(flow.lines[: reach + 1]):
            if not line.by_age:
                continue
            oldest = next(iter(line.by_age))
            key = (oldest.arrived + rank * self._ageing_s, oldest.serial)
            if least is None or key < least:
                best, least = line, key
        return best

    def _flow(self, tenant: str) -> _Flow[E]:
        if len(self._flows) >= self._many:
            self._forget()
        flow = self._flows[tenant] = _Flow[E]()
        return flow

    def _forget(self) -> None:
        """Forget tenants that do not wait, and whose end has passed."""
        self._flows = {
            tenant: flow
            for tenant, flow in self._flows.items()
            if flow.counts[-1]
            or any(end > now for end, now in zip(flow.ends, self._now, strict=True))
        }
        self._many = max(_FEW, 2 * len(self._flows))

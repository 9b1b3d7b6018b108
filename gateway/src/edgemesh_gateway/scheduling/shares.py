"""How much of the queue is whose, and who is sent away when it is full.

Rules: a tenant's share in a class is what it has there of the count or of the bytes that may wait,
whichever is more, over its weight. Over either bound the newest goes of the largest share in the
lowest class; one that waits alone stays, however large it is. A weight that changes is seen with
its tenant's next request.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from edgemesh_gateway.scheduling.entry import CLASSES, Entry
from edgemesh_gateway.scheduling.ranking import Ranking

E = TypeVar("E", bound=Entry)


class _Share(Generic[E]):
    """What one tenant has in one class, in order of arrival."""

    __slots__ = ("bytes", "entries", "said")

    def __init__(self) -> None:
        self.entries = OrderedDict[E, None]()
        self.bytes = 0
        self.said = 0.0
        """What it ranks by: never less than it is."""


class Shares(Generic[E]):
    """All that waits, by class and tenant."""

    def __init__(self, most: int, most_bytes: int, weight: Callable[[str], float]) -> None:
        self.most, self.most_bytes = most, most_bytes
        self.count, self.bytes = 0, 0
        self.counts, self.sizes = [0] * CLASSES, [0] * CLASSES
        """By class."""
        self._each, self._byte = 1 / max(most, 1), 1 / max(most_bytes, 1)
        self._weight = weight
        self._shares: dict[tuple[str, int], _Share[E]] = {}
        self._largest = tuple(Ranking[_Share[E]]() for _ in range(CLASSES))

    def __iter__(self) -> Iterator[E]:
        for share in self._shares.values():
            yield from share.entries

    @property
    def too_many(self) -> bool:
        """Whether more wait than may."""
        return self.count > self.most

    @property
    def too_large(self) -> bool:
        """Whether their bytes are more than may be."""
        return self.bytes > self.most_bytes and self.count > 1

    def of(self, tenant: str) -> int:
        """How many of a tenant's wait."""
        found = (self._shares.get((tenant, rank)) for rank in range(CLASSES))
        return sum(len(share.entries) for share in found if share is not None)

    def __contains__(self, entry: E) -> bool:
        share = self._shares.get((entry.tenant, entry.rank))
        return share is not None and entry in share.entries

    def add(self, entry: E) -> None:
        """Count it in."""
        rank, size = entry.rank, entry.size
        key = entry.tenant, rank
        share = self._shares.get(key)
        if share is None:
            share = self._shares[key] = _Share[E]()
        share.entries[entry] = None
        share.bytes += size
        self.count += 1
        self.bytes += size
        self.counts[rank] += 1
        self.sizes[rank] += size
        share.said = said = self._whole(share, entry.tenant)
        self._largest[rank].put(share, -said)

    def discard(self, entry: E) -> None:
        """Count it out."""
        rank, size = entry.rank, entry.size
        key = entry.tenant, rank
        share = self._shares[key]
        del share.entries[entry]
        share.bytes -= size
        self.count -= 1
        self.bytes -= size
        self.counts[rank] -= 1
        self.sizes[rank] -= size
        if not share.entries:
            self._largest[rank].drop(share)
            del self._shares[key]

    def cheapest(self) -> E:
        """Who is sent away first."""
        rank = max(rank for rank in range(CLASSES) if self.counts[rank])
        while True:
            share = self._largest[rank].first()
            assert share is not None
            newest = next(reversed(share.entries))
            now = self._whole(share, newest.tenant)
            if now >= share.said:
                return newest
            # It has become less since it was ranked.
            share.said = now
            self._largest[rank].put(share, -now)

    def _whole(self, share: _Share[E], tenant: str) -> float:
        count, size = len(share.entries) * self._each, share.bytes * self._byte
        return (count if count > size else size) / self._weight(tenant)

"""Members by a key that may change, the least first.

Rules: a new key leaves the old one's place in the heap behind, which is passed over when it comes
up and swept when such places are the most; so each step costs O(log n), whatever changes.
"""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

Member = TypeVar("Member")
_FEW = 64


class Ranking(Generic[Member]):
    """A heap in which keys may change and members may leave."""

    __slots__ = ("_heap", "_latest", "_puts")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Member]] = []
        self._latest: dict[Member, int] = {}
        self._puts = 0

    def __len__(self) -> int:
        return len(self._latest)

    def __contains__(self, member: object) -> bool:
        return member in self._latest

    def put(self, member: Member, key: float) -> None:
        """Let it in, or give it another key. Among equal keys the one put first is first."""
        self._puts += 1
        self._latest[member] = self._puts
        heapq.heappush(self._heap, (key, self._puts, member))
        if len(self._heap) > 2 * len(self._latest) + _FEW:
            self._sweep()

    def drop(self, member: Member) -> None:
        """Let it go, if it is here."""
        if self._latest.pop(member, None) is not None and not self._latest:
            self._heap.clear()

    def first(self) -> Member | None:
        """Who has the least key."""
        heap, latest = self._heap, self._latest
        while heap:
            _, put, member = heap[0]
            if latest.get(member) == put:
                return member
            heapq.heappop(heap)
        return None

    def _sweep(self) -> None:
        latest = self._latest
        self._heap = [entry for entry in self._heap if latest.get(entry[2]) == entry[1]]
        heapq.heapify(self._heap)

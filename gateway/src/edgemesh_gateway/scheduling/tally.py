"""What became of those who had to wait, by class: plain numbers for whoever shows them."""

from __future__ import annotations

from bisect import bisect_left

from edgemesh_gateway.scheduling.entry import CLASSES

WAIT_BUCKETS_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0)


class Tally:
    """Counts for the life of a queue."""

    def __init__(self) -> None:
        self.granted = [0] * CLASSES
        self.shed = [0] * CLASSES
        self.late = [0] * CLASSES
        """Those whose deadline passed while they waited."""
        self.waited_s = [0.0] * CLASSES
        """Seconds that those who were granted have waited, all together."""
        self.buckets = [[0] * (len(WAIT_BUCKETS_S) + 1) for _ in range(CLASSES)]
        """How many of them waited no longer than each of WAIT_BUCKETS_S, and longer."""

    def grant(self, rank: int, waited_s: float) -> None:
        """Count one that got its slot."""
        self.granted[rank] += 1
        self.waited_s[rank] += waited_s
        self.buckets[rank][bisect_left(WAIT_BUCKETS_S, waited_s)] += 1

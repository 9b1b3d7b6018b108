"""Where a guest's random bytes come from.

Rules: the machine's by default; or a stream that a seed alone decides (SHAKE-256 of the seed and
of how many times it was asked), for runs that are to be the same everywhere.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

Entropy = Callable[[int], bytes]

machine: Entropy = os.urandom


class SeededEntropy:
    """A stream of bytes that follows from `seed`."""

    __slots__ = ("_seed", "asked")

    def __init__(self, seed: bytes, asked: int = 0) -> None:
        self._seed = seed
        self.asked = asked
        """How many times it was asked."""

    def __call__(self, count: int) -> bytes:
        """The next `count` bytes."""
        self.asked += 1
        return hashlib.shake_256(self._seed + self.asked.to_bytes(8, "little")).digest(count)

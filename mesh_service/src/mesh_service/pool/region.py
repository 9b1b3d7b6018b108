"""Memory of others that workers map: where a call's inputs may lie, and its outputs go.

Rules: the front never maps or reads it, for whoever owns it may shrink it at any time, and what
touches it then dies of SIGBUS: a worker may, the front may not. A worker gets the descriptor with
the first call that needs it, keeps the mapping for later ones, and drops it when the region closes.
A region with calls in it closes when they have ended.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .frames import REGION

if TYPE_CHECKING:
    from .segments import Arena

_numbers = itertools.count(1)


class Region:
    """The first ``size`` bytes of an open file, which is the region's from now on."""

    def __init__(self, fd: int, size: int) -> None:
        self.id = REGION | next(_numbers)
        self.fd = fd
        self.size = size
        self.calls = 0
        """Calls that use it."""
        self.holders: set[Arena] = set()
        """The workers that map it."""
        self._closing = False

    @property
    def whole(self) -> bool:
        """Whether the file still has all of it."""
        return self.fd >= 0 and os.fstat(self.fd).st_size >= self.size

    def enter(self) -> None:
        """Count a call in."""
        self.calls += 1

    def leave(self) -> None:
        """Count it out."""
        self.calls -= 1
        if self._closing:
            self.close()

    def close(self) -> None:
        """Let go of it, everywhere, as soon as no call uses it. Idempotent."""
        self._closing = True
        if self.calls or self.fd < 0:
            return
        os.close(self.fd)
        self.fd = -1
        for arena in tuple(self.holders):
            arena.forget(self)


@dataclass(frozen=True, slots=True)
class Place:
    """``length`` bytes of a region."""

    region: Region
    offset: int
    length: int

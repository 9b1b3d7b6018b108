"""Memory that a call has freed goes back to the system before the next one.

Rules: glibc raises its thresholds with the largest block that was ever freed, and then keeps up to
64 MiB at the heap's end, and all that lies below one live block: a call that left many megabytes of
files would cost its worker as much for ever. Handing it back takes a walk over the free blocks, so
it is done only after calls that have touched much; how much, the kernel's count of page faults
tells. Where the C library cannot, nothing is done.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from edgemesh_sandbox.pages import faults

_MUCH = 2048
"""Page faults, 8 MiB: what the allocator may keep."""


class Heap:
    """This process's, which rests between calls."""

    def __init__(
        self, faults: Callable[[], int] = faults, trim: Callable[[], None] | None = None
    ) -> None:
        """`faults`: the page faults of this thread so far; `trim`: gives back what is free."""
        self._faults = faults
        self._trim = trim or _trimming()
        self._seen = faults()
        self._due = 0

    def rest(self) -> None:
        """A call has ended. Its answer may be held until the next has begun: so, two times."""
        seen = self._faults()
        if seen - self._seen > _MUCH:
            self._due = 2
        if self._due:
            self._due -= 1
            self._trim()
        self._seen = self._faults()


def _trimming() -> Callable[[], None]:
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is None:
        return lambda: None
    return lambda: trim(0)

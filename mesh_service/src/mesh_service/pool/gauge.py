"""How much memory a worker holds of its own: resident pages less shared and file-mapped ones.

One read of ``/proc/<pid>/statm``, some microseconds. What a forked worker has of its zygote counts
as its own, written to or not, as if it had started afresh. An address-space limit (RLIMIT_AS) would
not do: runtimes such as Wasmtime reserve far more than they use.
"""

from __future__ import annotations

import mmap
import os
import time

_REST_INTERVAL = 0.25


class Gauge:
    """Measures one process against its idle state."""

    def __init__(self, pid: int) -> None:
        self._fd = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
        self._rested = 0.0
        self.idle = 0
        """Private bytes when it last was idle."""

    def read(self) -> tuple[int, int]:
        """Give the private bytes, and how many of them came since it was idle."""
        try:
            pages = os.pread(self._fd, 256, 0).split()
        except OSError:  # it has ended
            return 0, 0
        private = (int(pages[1]) - int(pages[2])) * mmap.PAGESIZE
        return private, max(0, private - self.idle)

    def rest(self) -> None:
        """Take the present state as idle."""
        self._rested = time.monotonic()
        self.idle, _ = self.read()

    def rest_soon(self) -> None:
        """Take the present state as idle, unless that was done a moment ago."""
        if time.monotonic() - self._rested > _REST_INTERVAL:
            self.rest()

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

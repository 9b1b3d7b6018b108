"""Shared memory of one worker, owned by the front.

Rules: only the front makes segments; they are sealed against shrinking, so that no access can
fault with SIGBUS; their sizes are powers of two and belong to one worker, which gets the
descriptor once; a free segment serves later calls, until the arena holds more than its cap.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
from collections import deque
from collections.abc import Callable, Iterable

from .frames import SEGMENT, Flag, Kind, encode
from .region import Region

PAGE = mmap.PAGESIZE
SMALLEST = 256 << 10


class Segment:
    """One mapped memfd. ``fd`` is open until the worker has got it."""

    __slots__ = ("fd", "id", "map", "size")

    def __init__(self, number: int, size: int) -> None:
        self.id = number
        self.size = size
        self.fd = os.memfd_create("edgemesh", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(self.fd, size)
            seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
            fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, seals)
            self.map = mmap.mmap(self.fd, size)
        except BaseException:
            os.close(self.fd)
            raise

    def view(self, offset: int, length: int) -> memoryview:
        """Give writable bytes of the segment."""
        return memoryview(self.map)[offset : offset + length]

    def sent(self) -> None:
        """Close the descriptor; the mapping stays. Idempotent."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def close(self) -> None:
        """Unmap it; where a view is still in use, this happens when that is gone."""
        self.sent()
        with contextlib.suppress(BufferError):
            self.map.close()


class Arena:
    """The segments of one worker: in use by calls, or free. Tells the worker by ``send``."""

    def __init__(self, cap: int, send: Callable[[bytes, int], None]) -> None:
        self._cap = cap
        self._send = send
        self._free: deque[Segment] = deque()  # oldest first
        self._made = 0
        self._shown: set[Region] = set()
        self.bytes = 0
        """Size of all segments, in use or free."""

    def take(self, nbytes: int, token: int = 0) -> Segment:
        """Give a segment of at least ``nbytes``, and say so to the worker where it asked.

        Raises OSError when there is no more.
        """
        size = max(SMALLEST, 1 << (nbytes - 1).bit_length())
        for segment in reversed(self._free):
            if segment.size == size:
                self._free.remove(segment)
                if token:
                    self._send(_frame(segment, token), -1)
                return segment
        segment = Segment(self._made + 1, size)
        self._made += 1
        self.bytes += size
        self._send(_frame(segment, token, Flag.NEW), segment.fd)
        segment.sent()
        return segment

    def give(self, segments: Iterable[Segment]) -> None:
        """Take ``segments`` back."""
        self._free.extend(segments)
        self.trim(self._cap)

    def trim(self, keep: int) -> None:
        """Free the longest unused beyond ``keep`` bytes."""
        held = sum(segment.size for segment in self._free)
        while self._free and held > keep:
            segment = self._free.popleft()
            held -= segment.size
            self.bytes -= segment.size
            self._send(_frame(segment, 0, Flag.DROP), -1)
            segment.close()

    def show(self, region: Region) -> None:
        """Let the worker map ``region``, unless it does already."""
        if region not in self._shown:
            self._shown.add(region)
            region.holders.add(self)
            self._send(_frame(region, 0, Flag.NEW), region.fd)

    def forget(self, region: Region) -> None:
        """Let the worker drop it."""
        self._shown.discard(region)
        region.holders.discard(self)
        self._send(_frame(region, 0, Flag.DROP), -1)

    def close(self) -> None:
        """Free all; segments in use go when they are given back."""
        self._cap = 0
        self.trim(0)
        for region in tuple(self._shown):
            self.forget(region)


def _frame(segment: Segment | Region, token: int, flags: int = 0) -> bytes:
    return encode(Kind.SEGMENT, 0, SEGMENT.pack(token, segment.id, segment.size), flags)

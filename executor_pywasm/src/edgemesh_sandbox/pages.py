"""Which pages of a guest's memory are its own, and how they become the image's again.

Rules: a guest's memory is a private mapping of the image, so a page is either still the image's
or was copied when it was first written to. Copying the image's bytes back over all copied pages
makes the memory the image again, byte for byte, and costs no page fault, neither then nor when
the next program writes to them: a fault costs as much as copying ten pages.

A page becomes private by a fault of the thread that writes to it, so where a thread has counted no
fault there are no new ones. Huge pages would break that (the kernel may make pages private that
nobody touched), so they are switched off for the mapping.

Needs Linux 6.7 (PAGEMAP_SCAN, admin-guide/mm/pagemap.rst); elsewhere `supported()` is False and an
instance is used once.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
import struct
import sys
import threading
from collections.abc import Callable, Iterable

PAGE_BYTES = 4096
GRAIN_BYTES = 512
"""What changes are told in: of a page that was written to most is as it was."""

_PAGEMAP_SCAN = 0xC0606610  # _IOWR('f', 16, struct pm_scan_arg)
_FILE, _PRESENT, _SWAPPED, _ZERO = 1 << 2, 1 << 3, 1 << 4, 1 << 5
_ARGUMENTS = struct.Struct("<12Q")
_MADV_DONTNEED, _MADV_NOHUGEPAGE, _MADV_POPULATE_WRITE = 4, 15, 23
_PROCESS_MADVISE, _PIDFD_OPEN = 440, 434  # the same number on every architecture
_MOST_RANGES = 4096
_PIECE_BYTES = 1 << 20
_MOST_AT_ONCE = 1024  # IOV_MAX

Ranges = list[tuple[int, int]]
"""Begin and end, in bytes from the beginning of the memory."""

_ZEROS = (ctypes.c_ubyte * PAGE_BYTES)()
_LOCAL = threading.local()
_Vector = ctypes.c_uint64 * (3 * _MOST_RANGES)


class _IoVec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_size_t), ("length", ctypes.c_size_t))


class Pages:
    """The pages of one mapping, `nbytes` from the address `base`."""

    def __init__(self, base: int, nbytes: int, most: int = 0) -> None:
        """`most`: what it may grow to, where that is looked at too."""
        self._base, self._nbytes = base, max(nbytes, most)
        self._advise(_MADV_NOHUGEPAGE)
        self._nbytes = nbytes

    def private(self) -> Ranges | None:
        """The ranges that were written to; None if there are more than are worth restoring."""
        found = self._scan(self._base, self._base + self._nbytes)
        return None if len(found) >= _MOST_RANGES else found

    def all_private(self, nbytes: int) -> Ranges:
        """The ranges that were written to among the first `nbytes`, as many as there are."""
        everything: Ranges = []
        at, end = self._base, self._base + nbytes
        while True:
            found = self._scan(at, end)
            everything += found
            if len(found) < _MOST_RANGES:
                return everything
            at = self._base + found[-1][1]  # its own word for that may be of an earlier stop

    def _scan(self, begin: int, end: int) -> Ranges:
        """The first `_MOST_RANGES` ranges."""
        vector = _vector()
        arguments = bytearray(
            _ARGUMENTS.pack(
                _ARGUMENTS.size,
                0,
                begin,
                end,
                0,
                ctypes.addressof(vector),
                _MOST_RANGES,
                0,
                _FILE | _ZERO,  # inverted: neither the file's page nor the page of zeros
                _FILE | _ZERO,
                _PRESENT | _SWAPPED,
                _PRESENT,
            )
        )
        import fcntl  # not on Windows

        found = fcntl.ioctl(_pagemap(), _PAGEMAP_SCAN, arguments)
        base = self._base
        numbers = vector[: 3 * found]
        return [(a - base, b - base) for a, b in zip(numbers[::3], numbers[1::3], strict=True)]

    def fill_in(self, ranges: Ranges) -> None:
        """Make these ranges private at once, which is cheaper than a fault for each page."""
        for at in range(0, len(ranges), _MOST_AT_ONCE):
            some = ranges[at : at + _MOST_AT_ONCE]
            vectors = (_IoVec * len(some))(*((self._base + a, b - a) for a, b in some))
            # An older kernel refuses; then the faults come one by one.
            _libc().syscall(
                _PROCESS_MADVISE, _myself(), vectors, len(some), _MADV_POPULATE_WRITE, 0
            )

    def drop(self) -> None:
        """Give all private pages back: what is read next is the image's."""
        self._advise(_MADV_DONTNEED)

    def _advise(self, advice: int) -> None:
        if _libc().madvise(ctypes.c_void_p(self._base), ctypes.c_size_t(self._nbytes), advice):
            raise OSError(ctypes.get_errno(), "madvise")


def differing(mine: int, other: int, ranges: Ranges) -> Ranges:
    """Of these ranges the pages in which the memories at two addresses differ, joined to runs."""
    compare = _compare()
    return joined(
        at
        for begin, end in ranges
        if compare(mine + begin, other + begin, end - begin)
        for at in range(begin, end, PAGE_BYTES)
        if compare(mine + at, other + at, PAGE_BYTES)
    )


def nonzero(mine: int, ranges: Ranges) -> Ranges:
    """Of these ranges the pages of a memory that are not all zeros, joined to runs."""
    zeros = ctypes.addressof(_ZEROS)
    pages = [at for begin, end in ranges for at in range(begin, end, PAGE_BYTES)]
    return joined(at for at in pages if _compare()(mine + at, zeros, PAGE_BYTES))


def grains(new: bytes, old: bytes, runs: Ranges) -> Ranges:
    """Where two texts of these runs, one after another, differ."""
    starts: list[int] = []
    at = 0
    for begin, end in runs:
        shift = begin - at
        after = at + end - begin
        starts += [
            place + shift
            for place in range(at, after, GRAIN_BYTES)
            if new[place : place + GRAIN_BYTES] != old[place : place + GRAIN_BYTES]
        ]
        at = after
    return joined(starts, GRAIN_BYTES)


def joined(starts: Iterable[int], step: int = PAGE_BYTES) -> Ranges:
    """Pages, or other pieces of `step` bytes, that begin at `starts`, in their order, as runs."""
    runs: Ranges = []
    for start in starts:
        if runs and runs[-1][1] == start:
            runs[-1] = (runs[-1][0], start + step)
        else:
            runs.append((start, start + step))
    return runs


def split(ranges: Ranges, at: int) -> tuple[Ranges, Ranges]:
    """The parts of these ranges before a place and behind it."""
    before = [(begin, min(end, at)) for begin, end in ranges if begin < at]
    return before, [(max(begin, at), end) for begin, end in ranges if end > at]


def pieces(nbytes: int) -> Ranges:
    """All of a memory, in the pieces in which it is compared where nothing tells private pages."""
    return [(at, min(at + _PIECE_BYTES, nbytes)) for at in range(0, nbytes, _PIECE_BYTES)]


@functools.cache
def _compare() -> Callable[[int, int, int], int]:
    function = _libc().memcmp
    function.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    function.restype = ctypes.c_int
    return function


def faults() -> int:
    """The page faults of this thread so far; 0 where they are not looked at."""
    if not sys.platform.startswith("linux"):
        return 0
    import resource  # not on Windows

    usage = resource.getrusage(resource.RUSAGE_THREAD)
    return usage.ru_minflt + usage.ru_majflt


@functools.cache
def supported() -> bool:
    """Whether this system can tell private pages; opens what is needed to ask for them.

    Ask once before the process is confined: later these descriptors could not be had.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        with mmap.mmap(-1, 4 * PAGE_BYTES, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as probe:
            probe[PAGE_BYTES] = 1
            view = (ctypes.c_ubyte * len(probe)).from_buffer(probe)
            found = Pages(ctypes.addressof(view), len(probe)).private()
            del view
            _myself()
            return found == [(PAGE_BYTES, 2 * PAGE_BYTES)]
    except OSError:  # an older kernel, or one without transparent huge pages
        return False


def _vector() -> ctypes.Array[ctypes.c_uint64]:
    """Where the kernel tells this thread its ranges; to make one takes longer than to fill it."""
    vector = getattr(_LOCAL, "vector", None)
    if vector is None:
        vector = _LOCAL.vector = _Vector()
    return vector


@functools.cache
def _pagemap() -> int:
    return os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)


@functools.cache
def _libc() -> ctypes.CDLL:
    if sys.platform == "win32":
        return ctypes.CDLL("msvcrt")
    return ctypes.CDLL(None, use_errno=True)


@functools.cache
def _myself() -> int:
    return os.pidfd_open(os.getpid())


def _forget() -> None:
    """In a forked child: what is open is about the parent's memory."""
    for known in (supported, _pagemap, _myself):
        known.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)

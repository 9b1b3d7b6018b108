"""What instances start from: the image, or a snapshot that lies over it.

    base = Base(interpreter, snapshot)     Instance(base)

Rules: its bytes can be read in a memory in which nothing ever runs. A snapshot's pages are put into
an instance as the image's are: as a private mapping, of a file in memory, so that however many
there are an instance costs no copy of them, and what a program has written to is told apart from
what was there. Where pages lie far apart the gaps between them are mapped too: a process may have
some ten thousands of mappings in all. Without such files (not Linux) pages are copied.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
from itertools import pairwise
from typing import TYPE_CHECKING

import wasmtime

from edgemesh_sandbox import pages
from edgemesh_sandbox.errors import SnapshotError
from edgemesh_sandbox.memory import GuestMemory
from edgemesh_sandbox.pages import PAGE_BYTES, Ranges
from edgemesh_sandbox.snapshot import Snapshot

if TYPE_CHECKING:
    from edgemesh_sandbox.interpreter import Interpreter

_MOST_RUNS = 512
_MAP_FAILED = ctypes.c_void_p(-1).value


class Base:
    """A memory that instances start as. Raises `SnapshotError` for one of another image."""

    def __init__(self, interpreter: Interpreter, snapshot: Snapshot | None = None) -> None:
        self.interpreter = interpreter
        self.snapshot = snapshot
        self.nbytes = interpreter.image_bytes
        """Size of the memory that every instance starts with."""
        self.hot: Ranges = []
        """What every program writes to, as the first has shown."""
        self._file = -1
        self._runs: Ranges = []
        if snapshot is not None:
            if snapshot.image != interpreter.digest:
                raise SnapshotError("image", interpreter.digest, snapshot.image)
            self.nbytes = max(self.nbytes, snapshot.memory_bytes)
        self._store = wasmtime.Store(interpreter.engine)
        self._memory = GuestMemory(self._store, interpreter.memory_of(self._store))
        if snapshot is not None:
            fill(self._memory, snapshot, self.nbytes)
            if pages.supported() and hasattr(os, "memfd_create"):
                self._make_file(snapshot)
        self.address = self._memory.base
        """Where its bytes lie in this process."""
        self.view = self._memory.view(0, self.nbytes)
        """Its bytes."""

    def start(self, memory: GuestMemory) -> None:
        """Make a memory that is the image into this one."""
        if self.snapshot is None:
            return
        if self._file < 0:
            fill(memory, self.snapshot, self.nbytes)
            return
        memory.grow_to(self.nbytes)
        at = 0
        for begin, end in self._runs:
            _map(memory.base + begin, end - begin, self._file, at)
            at += end - begin

    def close(self) -> None:
        """Give it back; its view must not be used any more. Instances live on."""
        del self.view
        self._store.close()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _make_file(self, snapshot: Snapshot) -> None:
        """Write the runs, and the gaps between those that lie near each other."""
        self._runs = merged(whole_pages(snapshot.runs), _MOST_RUNS)
        self._file = os.memfd_create("snapshot", os.MFD_CLOEXEC)
        for begin, end in self._runs:
            data = self._memory.view(begin, end - begin)
            while data:
                data = data[os.write(self._file, data) :]


def fill(memory: GuestMemory, snapshot: Snapshot, nbytes: int) -> None:
    """Copy a snapshot's pages over a memory that is the image."""
    memory.grow_to(nbytes)
    for begin, data in snapshot.parts():
        memory.write(begin, data)


def whole_pages(runs: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """The pages in which these ranges lie; some may follow each other or be one."""
    return tuple((begin - begin % PAGE_BYTES, end + -end % PAGE_BYTES) for begin, end in runs)


def merged(runs: tuple[tuple[int, int], ...], most: int) -> Ranges:
    """At most so many ranges that hold all of these, over the smallest gaps."""
    gaps = sorted(after[0] - before[1] for before, after in pairwise(runs))
    widest = gaps[len(runs) - most - 1] if len(runs) > most else PAGE_BYTES
    found: Ranges = []
    for begin, end in runs:
        if found and begin - found[-1][1] <= widest:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def _map(address: int, nbytes: int, file: int, offset: int) -> None:
    flags = mmap.MAP_PRIVATE | _MAP_FIXED
    placed = _mmap()(address, nbytes, mmap.PROT_READ | mmap.PROT_WRITE, flags, file, offset)
    if placed == _MAP_FAILED:
        raise MemoryError(f"mmap: {os.strerror(ctypes.get_errno())}")


_MAP_FIXED = 0x10


@functools.cache
def _mmap() -> ctypes._NamedFuncPointer:  # pyright: ignore[reportPrivateUsage]
    function = ctypes.CDLL(None, use_errno=True).mmap
    function.restype = ctypes.c_void_p
    function.argtypes = (
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_long,
    )
    return function

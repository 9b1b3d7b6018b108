"""What a run has open.

    0, 1, 2    stdin, stdout, stderr: no files
    3          the folder `/`, by which the guest's C library finds all others
    4 …        what the program opens, lowest free number first

Rules: a descriptor says what it may be used for; everything else about it is the node's.
"""

from __future__ import annotations

from collections.abc import Iterable

from edgemesh_sandbox.wasi.errors import Errno, WasiError
from edgemesh_sandbox.wasi.files import FileSystem
from edgemesh_sandbox.wasi.nodes import File, Folder, Node

STREAMS = range(3)
STDIN = 0
ROOT = 3

_FIRST = 4
_MOST = 1024


class Descriptor:
    """An open file or folder."""

    __slots__ = ("append", "listing", "node", "offset", "readable", "writable")

    def __init__(self, node: Node, *, readable: bool, writable: bool, append: bool) -> None:
        self.node = node
        self.readable, self.writable, self.append = readable, writable, append
        self.offset = 0
        self.listing: list[tuple[str, Node]] = []
        """What a folder held when its listing began."""


class Descriptors:
    """The open descriptors of one run."""

    __slots__ = ("_files", "_open")

    def __init__(self, files: FileSystem) -> None:
        self._files = files
        root = Descriptor(files.root, readable=True, writable=False, append=False)
        self._open: dict[int, Descriptor] = {ROOT: root}

    def get(self, number: int) -> Descriptor:
        """The open file or folder of this number; none for the streams."""
        found = self._open.get(number)
        if found is None:
            raise WasiError(Errno.BADF)
        return found

    def folder(self, number: int) -> Folder:
        """The open folder of this number."""
        node = self.get(number).node
        if not isinstance(node, Folder):
            raise WasiError(Errno.NOTDIR)
        return node

    def readable(self, number: int) -> tuple[Descriptor, File]:
        """An open file that may be read from."""
        descriptor, file = self.file(number)
        if not descriptor.readable:
            raise WasiError(Errno.BADF)
        return descriptor, file

    def writable(self, number: int) -> tuple[Descriptor, File]:
        """An open file that may be written to."""
        if not self.get(number).writable:
            raise WasiError(Errno.BADF)
        return self.file(number)

    def file(self, number: int) -> tuple[Descriptor, File]:
        """An open file."""
        descriptor = self.get(number)
        if not isinstance(descriptor.node, File):
            raise WasiError(Errno.ISDIR)
        return descriptor, descriptor.node

    def open(self, descriptor: Descriptor) -> int:
        """Give it the lowest free number."""
        if len(self._open) >= _MOST:
            raise WasiError(Errno.MFILE)
        number = _FIRST
        while number in self._open:
            number += 1
        self._open[number] = descriptor
        descriptor.node.opened += 1
        return number

    def items(self) -> Iterable[tuple[int, Descriptor]]:
        """What is open, by number; the root is always."""
        return self._open.items()

    def reopen(self, number: int, descriptor: Descriptor) -> None:
        """Open it under the number that it had."""
        if number != ROOT:
            if not _FIRST <= number < _FIRST + _MOST or number in self._open:
                raise WasiError(Errno.BADF)
            descriptor.node.opened += 1
        self._open[number] = descriptor

    def renumber(self, number: int, to: int) -> None:
        """Give an open file the number of another one, which is closed."""
        descriptor = self.get(number)
        if number == ROOT or to == ROOT:
            raise WasiError(Errno.PERM)
        if number != to:
            self.close(to)
            del self._open[number]
            self._open[to] = descriptor

    def close(self, number: int) -> None:
        """Close one; the root stays open, since all else is found by it."""
        descriptor = self.get(number)
        if number != ROOT:
            del self._open[number]
            self._files.close(descriptor.node)

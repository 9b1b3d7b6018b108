"""What the guest's file system is made of: files and folders in memory.

Rules: knows no paths and no descriptors. What a run may store is counted in one `Quota`, and
given back when a node has neither a name nor an open descriptor. A folder's parent is held
weakly, so that the whole tree goes away with its last user.
"""

from __future__ import annotations

import weakref

from edgemesh_sandbox.wasi.errors import Errno, WasiError
from edgemesh_sandbox.wasi.layout import FileType

Buffer = bytes | bytearray | memoryview

MOST_NODES = 10_000
"""How many files and folders a run may make."""


class Quota:
    """What may still be stored."""

    __slots__ = ("nbytes", "nodes")

    def __init__(self, nbytes: int, nodes: int = MOST_NODES) -> None:
        self.nbytes, self.nodes = nbytes, nodes

    def take(self, nbytes: int) -> None:
        """Take so many bytes; refused where there are not so many left."""
        if nbytes > self.nbytes:
            raise WasiError(Errno.NOSPC)
        self.nbytes -= nbytes

    def take_node(self) -> None:
        """Take room for a file or a folder."""
        if not self.nodes:
            raise WasiError(Errno.NOSPC)
        self.nodes -= 1


class Node:
    """A file or a folder. `named` and `opened` say why it is still there."""

    __slots__ = ("__weakref__", "accessed", "changed", "created", "named", "number", "opened")
    kind: FileType

    def __init__(self, number: int, now: int) -> None:
        self.number = number
        self.accessed = self.changed = self.created = now
        self.named = True
        self.opened = 0

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return 0

    def touch(self, now: int) -> None:
        """It was changed."""
        self.changed = self.created = now


class File(Node):
    """A file's bytes; one without a quota is read-only."""

    __slots__ = ("_quota", "data", "version")
    kind = FileType.REGULAR_FILE

    def __init__(self, number: int, now: int, data: Buffer, quota: Quota | None) -> None:
        super().__init__(number, now)
        self.data = data
        self._quota = quota
        self.version = 0
        """Counts up with each change of its bytes."""

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return len(self.data)

    @property
    def writable(self) -> bool:
        """Whether it may be written to."""
        return self._quota is not None

    def read(self, offset: int, count: int) -> memoryview:
        """Up to `count` bytes; the view must be gone before the next write."""
        return memoryview(self.data)[offset : offset + count]

    def write(self, offset: int, data: memoryview) -> None:
        """Write all of `data` at `offset`, behind zeros where that is past the end."""
        end = offset + len(data)
        if data and end > len(self.data):
            self.resize(end)
        self._writable()[offset:end] = data

    def resize(self, size: int) -> None:
        """Cut it, or lengthen it with zeros."""
        content = self._writable()
        assert self._quota is not None
        grown = size - len(content)
        if grown > 0:
            self._quota.take(grown)
            content.extend(bytes(grown))
        else:
            del content[size:]
            self._quota.nbytes -= grown

    def _writable(self) -> bytearray:
        if not isinstance(self.data, bytearray) or self._quota is None:
            raise WasiError(Errno.ROFS)
        self.version += 1
        return self.data

    def release(self) -> None:
        """Give back what it takes if nobody can reach it any more."""
        if self._quota is not None and not self.named and not self.opened:
            self._quota.nbytes += len(self.data)
            self._quota.nodes += 1
            self.data, self._quota = b"", None


class Null(File):
    """A device that swallows what is written and is always at its end."""

    __slots__ = ()
    kind = FileType.CHARACTER_DEVICE

    def __init__(self, number: int, now: int) -> None:
        super().__init__(number, now, b"", None)

    @property
    def writable(self) -> bool:
        """It may always be written to."""
        return True

    def write(self, offset: int, data: memoryview) -> None:
        """Forget `data`."""

    def resize(self, size: int) -> None:
        """It has no size."""


class Folder(Node):
    """Named nodes; in one without a quota names neither come nor go."""

    __slots__ = ("_parent", "entries", "quota")
    kind = FileType.DIRECTORY

    def __init__(self, number: int, now: int, parent: Folder | None, quota: Quota | None) -> None:
        super().__init__(number, now)
        self.entries: dict[str, Node] = {}
        self.quota = quota
        self._parent = weakref.ref(parent or self)

    @property
    def parent(self) -> Folder | None:
        """The folder it lies in; the root lies in itself, a removed one nowhere."""
        return self._parent() if self.named else None

    def move(self, parent: Folder) -> None:
        """It lies in `parent` from now on."""
        self._parent = weakref.ref(parent)

    def lies_in(self, other: Node) -> bool:
        """Whether it is `other` or somewhere below it."""
        folder: Folder | None = self
        while folder is not None and folder is not other:
            above = folder.parent
            folder = above if above is not folder else None
        return folder is other

    def writing(self) -> Quota:
        """Its quota; refused where it is read-only or was removed."""
        if not self.named:
            raise WasiError(Errno.NOENT)
        if self.quota is None:
            raise WasiError(Errno.ROFS)
        return self.quota

"""A run's file system, in memory.

    /tmp, /outputs    the program's own, bounded together by a quota
    /inputs           what the caller gave, read-only
    /dev/null

Everything else is read-only and, but for what `add` put there, absent. Rules: nothing here
touches the host's disk. Names are UTF-8; there are no links, symbolic or hard.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, cast

from edgemesh_sandbox.wasi.clocks import GuestClock
from edgemesh_sandbox.wasi.errors import Errno, WasiError
from edgemesh_sandbox.wasi.nodes import Buffer, File, Folder, Node, Null, Quota

INPUTS, OUTPUTS, TEMPORARY = "inputs", "outputs", "tmp"

MOST_NAME = 255
MOST_PATH = 4096
DOTS = (".", "..")


class Place(NamedTuple):
    """Where a path leads: a name in a folder, and what is there."""

    folder: Folder
    name: str
    """`.` or `..` where the path does not end in a name."""
    node: Node | None
    as_folder: bool
    """Whether the path ends with a slash."""


class FileSystem:
    """The tree of one run."""

    def __init__(self, clock: GuestClock, nbytes: int, inputs: Mapping[str, Buffer]) -> None:
        self._clock = clock
        self.numbers = 0
        """The last number that a node was given."""
        self.quota = Quota(nbytes)
        """What may still be stored."""
        self.root = Folder(self._number(), clock.stamp(), None, None)
        self._folder(self.root, TEMPORARY).quota = self.quota
        self._outputs = self._folder(self.root, OUTPUTS)
        self._outputs.quota = self.quota
        self._folder(self.root, INPUTS)
        self._folder(self.root, "dev").entries["null"] = Null(self._number(), clock.stamp())
        for name, data in inputs.items():
            self.add(f"{INPUTS}/{name}", data)

    def add(self, path: str, data: Buffer) -> None:
        """Put a read-only file at `path`; a file that lies where a folder must be gives way."""
        *above, name = path.strip("/").split("/")
        folder = self.root
        for part in above:
            child = folder.entries.get(part)
            folder = child if isinstance(child, Folder) else self._folder(folder, part)
        folder.entries[name] = File(self._number(), self._clock.stamp(), data, None)

    def give(self, inputs: Mapping[str, Buffer]) -> None:
        """Put other files below /inputs; what is open of those before stays readable."""
        folder = cast(Folder, self.root.entries[INPUTS])
        folder.entries.clear()
        for name, data in inputs.items():
            self.add(f"{INPUTS}/{name}", data)

    def outputs(self) -> Iterator[tuple[str, File]]:
        """The regular files below /outputs by their path in there."""
        pending = [("", self._outputs)]
        while pending:
            prefix, folder = pending.pop()
            for name, node in folder.entries.items():
                if isinstance(node, Folder):
                    pending.append((f"{prefix}{name}/", node))
                elif isinstance(node, File):
                    yield prefix + name, node

    def find(self, base: Folder, path: str) -> Node:
        """What `path` leads to, from the folder `base`."""
        place = self.place(base, path)
        if place.node is None:
            raise WasiError(Errno.NOENT)
        if place.as_folder and not isinstance(place.node, Folder):
            raise WasiError(Errno.NOTDIR)
        return place.node

    def place(self, base: Folder, path: str) -> Place:
        """Where `path` leads; all folders on the way must be there."""
        if not path:
            raise WasiError(Errno.NOENT)
        if len(path) > MOST_PATH:
            raise WasiError(Errno.NAMETOOLONG)
        *above, last = [part for part in path.split("/") if part] or ["."]
        if any(len(part.encode()) > MOST_NAME for part in (*above, last)):
            raise WasiError(Errno.NAMETOOLONG)
        folder = base
        for part in above:
            below = _below(folder, part)
            if below is None:
                raise WasiError(Errno.NOENT)
            if not isinstance(below, Folder):
                raise WasiError(Errno.NOTDIR)
            folder = below
        node = _below(folder, last)
        if last in DOTS and node is None:
            raise WasiError(Errno.NOENT)
        return Place(folder, last, node, path.endswith("/"))

    def create(self, place: Place) -> File:
        """A new, empty file."""
        quota = place.folder.writing()
        quota.take_node()
        file = File(self._number(), self._clock.stamp(), bytearray(), quota)
        self._enter(place, file)
        return file

    def make_folder(self, place: Place) -> None:
        """A new, empty folder."""
        if place.node is not None:
            raise WasiError(Errno.EXIST)
        quota = place.folder.writing()
        quota.take_node()
        folder = Folder(self._number(), self._clock.stamp(), place.folder, quota)
        self._enter(place, folder)

    def unlink(self, place: Place) -> None:
        """Take away a file's name."""
        if place.node is None:
            raise WasiError(Errno.NOENT)
        if not isinstance(place.node, File):
            raise WasiError(Errno.ISDIR)
        if place.as_folder:
            raise WasiError(Errno.NOTDIR)
        place.folder.writing()
        self._leave(place)

    def remove_folder(self, place: Place) -> None:
        """Take away an empty folder."""
        if place.node is None:
            raise WasiError(Errno.NOENT)
        if not isinstance(place.node, Folder):
            raise WasiError(Errno.NOTDIR)
        if place.name in DOTS:
            raise WasiError(Errno.INVAL if place.name == "." else Errno.NOTEMPTY)
        place.folder.writing()
        if place.node.entries:
            raise WasiError(Errno.NOTEMPTY)
        self._leave(place)

    def rename(self, old: Place, new: Place) -> None:
        """Give a node another name, in the place of what has it."""
        node, there = old.node, new.node
        if old.name in DOTS or new.name in DOTS:
            raise WasiError(Errno.BUSY)
        if node is None:
            raise WasiError(Errno.NOENT)
        is_folder = isinstance(node, Folder)
        if (old.as_folder or new.as_folder) and not is_folder:
            raise WasiError(Errno.NOTDIR)
        old.folder.writing()
        new.folder.writing()
        if node is there:
            return
        if is_folder and new.folder.lies_in(node):
            raise WasiError(Errno.INVAL)
        if isinstance(there, Folder):
            if not is_folder:
                raise WasiError(Errno.ISDIR)
            if there.entries:
                raise WasiError(Errno.NOTEMPTY)
        elif there is not None and is_folder:
            raise WasiError(Errno.NOTDIR)
        if there is not None:
            self._leave(new)
        del old.folder.entries[old.name]
        old.folder.touch(self._clock.stamp())
        self._enter(new, node)
        if isinstance(node, Folder):
            node.move(new.folder)

    def close(self, node: Node) -> None:
        """One descriptor of `node` is gone."""
        node.opened -= 1
        if isinstance(node, File):
            node.release()

    def _enter(self, place: Place, node: Node) -> None:
        place.folder.entries[place.name] = node
        place.folder.touch(self._clock.stamp())

    def _leave(self, place: Place) -> None:
        node = place.folder.entries.pop(place.name)
        node.named = False
        place.folder.touch(self._clock.stamp())
        if isinstance(node, File):
            node.release()
        else:
            self.quota.nodes += 1

    def _folder(self, parent: Folder, name: str) -> Folder:
        folder = Folder(self._number(), self._clock.stamp(), parent, None)
        parent.entries[name] = folder
        return folder

    def _number(self) -> int:
        self.numbers += 1
        return self.numbers


def _below(folder: Folder, part: str) -> Node | None:
    """Where one part of a path leads."""
    if not folder.named:
        raise WasiError(Errno.NOENT)
    if part == ".":
        return folder
    return folder.parent if part == ".." else folder.entries.get(part)

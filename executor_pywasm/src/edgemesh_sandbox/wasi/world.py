"""All that one run can see of a machine: clocks, randomness, files.

    world = World({"data.csv": b"a,b\\n1,2\\n"})    # /inputs/data.csv
    …run a program in it…
    world.outputs()                               # what it left below /outputs

Rules: one per run, and nothing of it is the store's or the linker's, so nothing of it survives
the run, unless the program goes on later: then its world is kept, or made again from its `State`.
A program that opens no file pays for none: the tree is built when it is first asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from edgemesh_sandbox.errors import InputError
from edgemesh_sandbox.wasi import entropy, tree
from edgemesh_sandbox.wasi.clocks import FixedClock, GuestClock, HostClock
from edgemesh_sandbox.wasi.descriptors import Descriptors
from edgemesh_sandbox.wasi.files import MOST_NAME, FileSystem
from edgemesh_sandbox.wasi.nodes import MOST_NODES, Buffer

FILES_BYTES = 64 << 20
"""What a run may store in /tmp and /outputs together, by default."""

_SEED = b"edgemesh run"


class State(NamedTuple):
    """What a world is made again from."""

    clocks: bytes
    """Clocks and random numbers: JSON, some dozens of bytes."""
    files: bytes
    """Files and what is open of them, as `tree` writes them; empty if none was ever asked for."""


class World:
    """The machine of one run."""

    arguments: tuple[bytes, ...] = (b"python",)
    environment: tuple[bytes, ...] = (b"HOME=/tmp", b"TMPDIR=/tmp", b"PYTHONTZPATH=")

    def __init__(
        self,
        files: Mapping[str, Buffer] | None = None,
        deterministic: bool = False,
        files_bytes: int = FILES_BYTES,
    ) -> None:
        """`files` are seen below /inputs, by paths of one or more names, and are not copied.

        `deterministic`: clocks that count, and random bytes that are the same in every run.
        Raises `InputError` for a name that no file can have.
        """
        self.deterministic = deterministic
        self.clock: GuestClock = FixedClock() if deterministic else HostClock()
        self.entropy = entropy.SeededEntropy(_SEED) if deterministic else entropy.machine
        self.fresh = True
        """Whether nothing has run in it."""
        self.exit_status: int | None = None
        """The status that the guest ended itself with, if it did."""
        self._given = _checked(files) if files else {}
        self._files_bytes = files_bytes
        self._files: FileSystem | None = None
        self._descriptors: Descriptors | None = None
        self._told: dict[str, tuple[int, int]] = {}

    @classmethod
    def again(
        cls,
        state: State,
        files: Mapping[str, Buffer] | None = None,
        files_bytes: int = FILES_BYTES,
    ) -> World:
        """A world that goes on where another one was. Raises `SnapshotError`."""
        clocks = tree.clocks(state.clocks)
        world = cls(files, "elapsed" in clocks, files_bytes)
        if world.deterministic:
            world.clock = FixedClock(state=clocks)
            world.entropy = entropy.SeededEntropy(_SEED, clocks["asked"])
        else:
            world.clock = HostClock(state=clocks)
        if state.files:
            world._files, world._descriptors = tree.read(state.files, world.clock, files_bytes)
            world._told = dict(world._versions())
            world._files.give(world._given)
        return world

    def state(self, known: State | None = None) -> State:
        """What it is made again from; the files are those of `known` if nothing has changed."""
        clocks = self.clock.state()
        if isinstance(self.entropy, entropy.SeededEntropy):
            clocks["asked"] = self.entropy.asked
        if self._files is None:
            files = b""
        else:
            files = tree.write(self._files, self.descriptors, known.files if known else b"")
        return State(json.dumps(clocks).encode(), files)

    def give(self, files: Mapping[str, Buffer] | None, files_bytes: int) -> None:
        """The inputs of the first call, and its room, where nothing has asked for files yet."""
        self._given = _checked(files) if files else {}
        self._files_bytes = files_bytes

    def go_on(self, files: Mapping[str, Buffer] | None, files_bytes: int) -> None:
        """Another call of the same program: with these inputs, and as much room.

        Raises `InputError` for a name that no file can have.
        """
        self._given = _checked(files) if files else {}
        self.exit_status, self.fresh = None, False
        self.clock.begin()
        if self._files is not None:
            self._files.give(self._given)
            self._files.quota.nbytes += files_bytes - self._files_bytes
        self._files_bytes = files_bytes

    @property
    def files(self) -> FileSystem:
        """The file system."""
        if self._files is None:
            self._files = FileSystem(self.clock, self._files_bytes, self._given)
        return self._files

    @property
    def descriptors(self) -> Descriptors:
        """What is open."""
        if self._descriptors is None:
            self._descriptors = Descriptors(self.files)
        return self._descriptors

    def outputs(self) -> dict[str, bytes]:
        """The regular files below /outputs, by their path in there, in order of the paths.

        Of a program that goes on those that were written since they were last asked for.
        """
        if self._files is None:
            return {}
        told, self._told = self._told, dict(self._versions())
        found = sorted(self._files.outputs(), key=lambda entry: entry[0])
        return {
            path: bytes(file.data) for path, file in found if self._told[path] != told.get(path)
        }

    def _versions(self) -> list[tuple[str, tuple[int, int]]]:
        files = self._files.outputs() if self._files else ()
        return [(path, (file.number, file.version)) for path, file in files]


def _checked(files: Mapping[str, Buffer]) -> dict[str, Buffer]:
    folders: set[str] = set()
    checked: dict[str, Buffer] = {}
    if len(files) > MOST_NODES:
        raise InputError("files", f"at most {MOST_NODES}")
    for path, data in files.items():
        parts = path.split("/")
        if any(part in ("", ".", "..") or not _is_name(part) for part in parts):
            raise InputError(f"files.{path}", "not a relative path of plain names")
        folders.update("/".join(parts[:at]) for at in range(1, len(parts)))
        checked[path] = memoryview(data).cast("B")
    for path in folders & checked.keys():
        raise InputError(f"files.{path}", "a file, and a folder of others")
    return checked


def _is_name(part: str) -> bool:
    try:
        return len(part.encode()) <= MOST_NAME and "\0" not in part
    except UnicodeEncodeError:
        return False

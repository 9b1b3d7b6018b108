"""All that one run can see of a machine: clocks, randomness, files.

    world = World({"data.csv": b"a,b\\n1,2\\n"})    # /inputs/data.csv
    …run a program in it…
    world.outputs()                               # what it left below /outputs

Rules: one per run, and nothing of it is the store's or the linker's, so nothing of it survives
the run. A program that opens no file pays for none: the tree is built when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Mapping

from edgemesh_sandbox.errors import InputError
from edgemesh_sandbox.wasi import entropy
from edgemesh_sandbox.wasi.clocks import FixedClock, GuestClock, HostClock
from edgemesh_sandbox.wasi.descriptors import Descriptors
from edgemesh_sandbox.wasi.files import MOST_NAME, FileSystem
from edgemesh_sandbox.wasi.nodes import MOST_NODES, Buffer

FILES_BYTES = 64 << 20
"""What a run may store in /tmp and /outputs together, by default."""

_SEED = b"edgemesh run"


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
        self.exit_status: int | None = None
        """The status that the guest ended itself with, if it did."""
        self._given = _checked(files) if files else {}
        self._files_bytes = files_bytes
        self._files: FileSystem | None = None
        self._descriptors: Descriptors | None = None

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
        """The regular files below /outputs, by their path in there, in order of the paths."""
        if self._files is None:
            return {}
        return {path: bytes(data) for path, data in sorted(self._files.outputs())}


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

"""The file system in memory does what the machine's own does, step by step and error by error."""

from __future__ import annotations

import errno
import os
import shutil
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from wasi_guest import DATA, PATH, PATH_2, RESULT, ROOT, Guest

from edgemesh_sandbox.wasi import World
from edgemesh_sandbox.wasi.errors import Errno

NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.builds(
    lambda parts, end: "/".join(parts) + end,
    st.lists(NAMES | st.sampled_from([".", "..", "a", "b"]), min_size=1, max_size=4).filter(
        lambda parts: _depth(parts) >= 0
    ),
    st.sampled_from(["", "", "", "/"]),
)
DATA_BYTES = st.binary(max_size=40)
CREATE, DIRECTORY, EXCLUSIVE, TRUNCATE = 1, 2, 4, 8
FLAGS = {CREATE: os.O_CREAT, EXCLUSIVE: os.O_EXCL, TRUNCATE: os.O_TRUNC, DIRECTORY: os.O_DIRECTORY}
APPEND = 1


def _depth(parts: list[str]) -> int:
    """The least depth on the way, so that no path leaves the folder that both have."""
    depth = least = 0
    for part in parts:
        depth += {"..": -1, ".": 0}.get(part, 1)
        least = min(least, depth)
    return least


class Model(RuleBasedStateMachine):
    """The same operations on /tmp of a run and on a folder of this machine."""

    def __init__(self) -> None:
        super().__init__()
        self.real = Path(tempfile.mkdtemp(prefix="edgemesh-model."))
        self.guest = Guest(World(files_bytes=1 << 20))
        self.open: list[tuple[int, int]] = []

    def teardown(self) -> None:
        for _, real in self.open:
            os.close(real)
        shutil.rmtree(self.real, ignore_errors=True)
        self.guest.store.close()

    def same(self, error: int, real: Callable[[], object]) -> object:
        """Both must succeed, or fail for the same reason; what the real one gave."""
        try:
            result = real()
        except OSError as failure:
            expected = errno.errorcode[failure.errno or 0].removeprefix("E")
            result = None
        else:
            expected = "SUCCESS"
        assert Errno(error).name == expected
        return result

    def path(self, path: str) -> str:
        return f"{self.real}/{path}"

    @rule(path=PATHS, flags=st.sets(st.sampled_from(list(FLAGS))), how=st.sampled_from("rwx"))
    def opens(self, path: str, flags: set[int], how: str) -> None:
        if {CREATE, DIRECTORY} <= flags or (TRUNCATE in flags and how == "r"):
            return  # Linux has these unspecified, or depending on its version
        append = APPEND if how == "x" else 0
        rights = {"r": 2, "w": 64, "x": 66}[how]
        mode = {"r": os.O_RDONLY, "w": os.O_WRONLY, "x": os.O_RDWR | os.O_APPEND}[how]
        error = self.guest(
            "path_open", ROOT, 0, *self.guest.text("tmp/" + path), sum(flags), rights, 0, append,
            RESULT,
        )  # fmt: skip
        number = self.guest.memory.word(RESULT)
        mode |= sum(FLAGS[flag] for flag in flags)
        real = self.same(error, lambda: os.open(self.path(path), mode, 0o644))
        if isinstance(real, int):
            self.open.append((number, real))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def closes(self, data: st.DataObject) -> None:
        mine, real = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        self.same(self.guest("fd_close", mine), lambda: os.close(real))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), content=DATA_BYTES, at=st.none() | st.integers(0, 60))
    def writes(self, data: st.DataObject, content: bytes, at: int | None) -> None:
        mine, real = data.draw(st.sampled_from(self.open))
        self.guest.memory.write(DATA + 8, content)
        self.guest.memory.write(DATA, struct.pack("<II", DATA + 8, len(content)))
        if at is None:
            error = self.guest("fd_write", mine, DATA, 1, RESULT)
            done = self.same(error, lambda: os.write(real, content))
        else:
            error = self.guest("fd_pwrite", mine, DATA, 1, at, RESULT)
            done = self.same(error, lambda: os.pwrite(real, content, at))
        assert done in (None, self.guest.memory.word(RESULT))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), size=st.integers(0, 60), at=st.none() | st.integers(0, 60))
    def reads(self, data: st.DataObject, size: int, at: int | None) -> None:
        mine, real = data.draw(st.sampled_from(self.open))
        self.guest.memory.write(DATA, struct.pack("<II", DATA + 8, size))
        if at is None:
            error = self.guest("fd_read", mine, DATA, 1, RESULT)
            done = self.same(error, lambda: os.read(real, size))
        else:
            error = self.guest("fd_pread", mine, DATA, 1, at, RESULT)
            done = self.same(error, lambda: os.pread(real, size, at))
        if not error:
            assert bytes(self.guest.memory.view(DATA + 8, self.guest.memory.word(RESULT))) == done

    @precondition(lambda self: self.open)
    @rule(data=st.data(), offset=st.integers(-50, 50), whence=st.integers(0, 2))
    def seeks(self, data: st.DataObject, offset: int, whence: int) -> None:
        mine, real = data.draw(st.sampled_from(self.open))
        if os.path.isdir(f"/proc/self/fd/{real}"):
            return  # a folder's offset means something else everywhere
        error = self.guest("fd_seek", mine, offset, whence, RESULT)
        found = self.same(error, lambda: os.lseek(real, offset, whence))
        assert found in (None, self.guest.memory.word(RESULT))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), size=st.integers(0, 80))
    def resizes(self, data: st.DataObject, size: int) -> None:
        mine, real = data.draw(st.sampled_from(self.open))
        error = self.guest("fd_filestat_set_size", mine, size)
        if error in (Errno.BADF, Errno.ISDIR):
            error = Errno.INVAL  # as Linux has it for what was not opened for writing
        self.same(error, lambda: os.ftruncate(real, size))

    @rule(path=PATHS)
    def makes_a_folder(self, path: str) -> None:
        error = self.guest.on_path("path_create_directory", "tmp/" + path)
        self.same(error, lambda: os.mkdir(self.path(path)))

    @rule(path=PATHS)
    def removes_a_folder(self, path: str) -> None:
        error = self.guest.on_path("path_remove_directory", "tmp/" + path)
        self.same(error, lambda: os.rmdir(self.path(path)))

    @rule(path=PATHS)
    def removes_a_file(self, path: str) -> None:
        error = self.guest.on_path("path_unlink_file", "tmp/" + path)
        self.same(error, lambda: os.unlink(self.path(path)))

    @rule(path=PATHS, to=PATHS)
    def renames(self, path: str, to: str) -> None:
        old, new = self.guest.text("tmp/" + path, PATH), self.guest.text("tmp/" + to, PATH_2)
        error = self.guest("path_rename", ROOT, *old, ROOT, *new)
        self.same(error, lambda: os.rename(self.path(path), self.path(to)))

    @rule(path=PATHS)
    def asks(self, path: str) -> None:
        error = self.guest("path_filestat_get", ROOT, 0, *self.guest.text("tmp/" + path), RESULT)
        found = self.same(error, lambda: os.stat(self.path(path)))
        if isinstance(found, os.stat_result):
            kind, size = (
                self.guest.memory.view(RESULT + 16, 1)[0],
                self.guest.memory.word(RESULT + 32),
            )
            assert (kind == 3) == os.path.isdir(self.path(path))
            assert kind == 3 or size == found.st_size

    @invariant()
    def both_hold_the_same(self) -> None:
        mine: dict[str, bytes | None] = {}
        pending = [("", self.guest.world.files.root.entries["tmp"])]
        while pending:
            prefix, folder = pending.pop()
            for name, node in getattr(folder, "entries", {}).items():
                if node.kind == 3:
                    mine[prefix + name] = None
                    pending.append((f"{prefix}{name}/", node))
                else:
                    mine[prefix + name] = bytes(node.data)
        real = {
            str(path.relative_to(self.real)): None if path.is_dir() else path.read_bytes()
            for path in self.real.rglob("*")
        }
        assert mine == real


TestFilesModel = Model.TestCase
TestFilesModel.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)

"""Who breaks out of WebAssembly finds the next wall, and behind each fallen one another.

Each probe is run natively in a real worker: with no wall, where it must succeed (or it would prove
nothing); with all of them; and behind each single wall that is said to hold it by itself.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from workers import EVERY, SECRET, EscapedWorker

from edgemesh_executor_pywasm.walls import landlock
from edgemesh_sandbox.built import Built


@dataclass(frozen=True)
class Attempt:
    """A probe, what it is given (names of what the yard has), and the walls that hold it alone."""

    probe: str
    given: tuple[str, ...]
    held_by: tuple[str, ...]
    rooted: bool = field(default=False, kw_only=True)
    """Whether only root could do it to begin with."""


ATTEMPTS = [
    # the network
    Attempt("connect", ("port",), ("namespaces", "landlock", "seccomp")),
    Attempt("datagram", ("port",), ("namespaces", "seccomp")),
    Attempt("listen", (), ("landlock", "seccomp")),
    Attempt("abstract_socket", ("name",), ("namespaces", "landlock", "seccomp")),
    Attempt("ring", (), ("seccomp",)),
    # secrets
    Attempt("variable", ("variable",), ("environment",)),
    Attempt("memory_of_environment", ("secret",), ("environment",)),
    # files
    Attempt("read", ("file",), ("landlock",)),
    Attempt("listing", ("folder",), ("landlock",)),
    Attempt("listing", ("root",), ("landlock",)),
    Attempt("read", ("environ",), ("namespaces", "landlock")),
    Attempt("overwrite", ("memory",), ("namespaces", "landlock", "seccomp")),
    Attempt("overwrite", ("file",), ("namespaces", "landlock", "seccomp")),
    Attempt("create", ("folder",), ("namespaces", "landlock", "seccomp")),
    Attempt("unnamed", ("folder",), ("namespaces", "landlock", "seccomp")),
    Attempt("cut_off", ("file",), ("namespaces", "landlock", "seccomp")),
    Attempt("folder", ("folder",), ("namespaces", "landlock", "seccomp")),
    Attempt("link", ("file",), ("namespaces", "landlock", "seccomp")),
    Attempt("symbolic_link", ("folder",), ("namespaces", "landlock", "seccomp")),
    Attempt("rename", ("file",), ("namespaces", "landlock", "seccomp")),
    Attempt("mode", ("file",), ("namespaces", "seccomp")),
    Attempt("times", ("file",), ("namespaces", "seccomp")),
    Attempt("lock", ("file",), ("landlock", "seccomp")),
    Attempt("cut_log", (), ("seccomp",)),
    Attempt("rewrite_log", (), ("descriptors",)),
    Attempt("read_log", (), ("descriptors",)),
    # processes
    Attempt("execute", (), ("seccomp",)),
    Attempt("spawn", (), ("landlock", "seccomp")),
    Attempt("fork", (), ("seccomp",)),
    Attempt("send_signal", ("front",), ("landlock", "seccomp")),
    Attempt("send_signal", ("victim",), ("landlock", "seccomp")),
    Attempt("send_signal", ("everybody",), ("seccomp",)),
    Attempt("send_signal_by_descriptor", ("victim",), ("landlock", "seccomp")),
    Attempt("queue_signal", ("victim",), ("landlock", "seccomp")),
    Attempt("trace", ("victim",), ("landlock", "seccomp")),
    Attempt("read_memory", ("victim", "place"), ("landlock", "seccomp")),
    Attempt("exists", ("victim",), ("namespaces",)),
    Attempt("limit", ("victim",), ("seccomp",)),
    Attempt("pin", ("victim",), ("seccomp",)),
    Attempt("shared_memory", ("key",), ("namespaces", "seccomp")),
    # privileges
    Attempt("capabilities", (), ("privileges",), rooted=True),
    Attempt("dumpable", (), ("privileges",)),
    Attempt("be_dumpable", (), ("seccomp",)),
    Attempt("outlive_front", (), ("seccomp",)),
    Attempt("new_namespace", (), ("privileges", "seccomp"), rooted=True),
    Attempt("new_user_namespace", (), ("seccomp",)),
    Attempt("mount", ("folder",), ("privileges", "seccomp"), rooted=True),
    Attempt("keyring", (), ("seccomp",)),
]


class Yard:
    """What is there to be got at outside of a worker."""

    def __init__(self, folder: Path, undo: ExitStack) -> None:
        file = folder / "secret"
        file.write_text("hello from a file")
        self.things: dict[str, Any] = {
            "folder": str(folder),
            "file": str(file),
            "root": "/",
            "memory": "/proc/self/mem",
            "front": os.getpid(),
            "everybody": -1,
            "variable": "EDGEMESH_SECRET",
            "secret": SECRET,
        }
        self._sockets(undo)
        self._shared(undo)
        self._victim(undo)

    def _sockets(self, undo: ExitStack) -> None:
        server = undo.enter_context(socket.create_server(("127.0.0.1", 0)))
        abstract = undo.enter_context(socket.socket(socket.AF_UNIX))
        name = f"edgemesh-walls-{os.getpid()}"
        abstract.bind(f"\0{name}")
        abstract.listen()
        for listener in (server, abstract):
            threading.Thread(target=_greet, args=(listener,), daemon=True).start()
        self.things |= {"port": server.getsockname()[1], "name": name}

    def _shared(self, undo: ExitStack) -> None:
        libc = ctypes.CDLL(None)
        libc.shmat.restype = ctypes.c_void_p
        key = 0x0ED6_E000 | os.getpid() & 0xFFF
        segment = libc.shmget(key, 16, 0o1600)
        ctypes.memmove(libc.shmat(segment, None, 0), b"hello", 5)
        undo.callback(libc.shmctl, segment, 0, None)
        self.things["key"] = key

    def _victim(self, undo: ExitStack) -> None:
        """A process of this user that does nothing to protect itself."""
        code = (
            "import ctypes\n"
            "message = b'secret of a worker'\n"
            "print(ctypes.cast(ctypes.c_char_p(message), ctypes.c_void_p).value, flush=True)\n"
            "input()\n"
        )
        victim = undo.enter_context(
            subprocess.Popen(
                [sys.executable, "-I", "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={},
            )
        )
        undo.callback(victim.kill)
        assert victim.stdout is not None
        self.things |= {"victim": victim.pid, "place": int(victim.stdout.readline())}
        self.things["environ"] = f"/proc/{victim.pid}/environ"


def _greet(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.sendall(b"hello")


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    with ExitStack() as undo:
        yield Yard(tmp_path_factory.mktemp("yard"), undo)


class Workers:
    """A worker for each choice of walls, made when it is first asked for."""

    def __init__(self, images: Path, log: Path, undo: ExitStack) -> None:
        self.images, self.log, self._undo = images, log, undo
        self._made: dict[tuple[str, ...], EscapedWorker] = {}

    def behind(self, *walls: str) -> EscapedWorker:
        if walls not in self._made:
            worker = EscapedWorker(self.images, self.log, walls)
            self._made[walls] = self._undo.enter_context(worker)
        return self._made[walls]


@pytest.fixture(scope="module")
def workers(
    built: Built, images: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workers]:
    """Their stderr is a file, as where a service's log is one."""
    log = tmp_path_factory.mktemp("log") / "stderr"
    with ExitStack() as undo:
        yield Workers(images, log, undo)


def _names(attempt: Attempt) -> str:
    return "-".join((attempt.probe, *attempt.given))


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=_names)
def test_an_attempt_succeeds_only_without_walls(
    workers: Workers, yard: Yard, attempt: Attempt
) -> None:
    arguments = [yard.things[name] for name in attempt.given]
    if not attempt.rooted or os.geteuid() == 0:
        found = workers.behind().probe(attempt.probe, *arguments)
        assert "got" in found, f"it proves nothing: {found}"
    assert "refused" in workers.behind(*EVERY).probe(attempt.probe, *arguments)


@pytest.mark.parametrize(
    ("attempt", "wall"),
    [(attempt, wall) for attempt in ATTEMPTS for wall in attempt.held_by],
    ids=lambda value: value if isinstance(value, str) else _names(value),
)
def test_a_single_wall_holds_it_too(
    workers: Workers, yard: Yard, attempt: Attempt, wall: str
) -> None:
    if wall == "namespaces" and "namespaces" not in _standing(workers):
        pytest.skip("this system gives no namespaces to who is not root")
    arguments = [yard.things[name] for name in attempt.given]
    assert "refused" in workers.behind(wall).probe(attempt.probe, *arguments)


@pytest.mark.parametrize("probe", ["send_signal", "trace", "read_memory", "exists", "limit"])
def test_a_worker_gets_at_no_other_worker(workers: Workers, probe: str) -> None:
    """The other one is behind its walls too, as another tenant's would be."""
    other = EscapedWorker(workers.images, workers.log)
    with other:
        victim, place = other.probe("pid")["got"], other.probe("address")["got"]
        arguments = [victim, place] if probe == "read_memory" else [victim]
        if os.geteuid() == 0:  # which reads what is not dumpable, and sends to whom it likes
            assert "got" in workers.behind().probe(probe, *arguments)
        if probe != "exists" or "namespaces" in _standing(workers):
            assert "refused" in workers.behind(*EVERY).probe(probe, *arguments)


def _standing(workers: Workers) -> set[str]:
    walls = workers.behind(*EVERY).probe("walls")
    return {name for name, (stands, _) in walls.items() if stands}


def test_all_walls_stand_that_must(workers: Workers) -> None:
    needed = {"environment", "descriptors", "privileges", "landlock", "seccomp"}
    if not landlock.version() and "CI" not in os.environ:
        needed.remove("landlock")
    assert needed <= _standing(workers)


def test_behind_all_walls_the_worker_works(workers: Workers) -> None:
    worker = workers.behind(*EVERY)
    assert worker.probe("usual") == {"got": ["a thread", "memory", "colorsys", "the log"]}
    reply = worker.program(
        "import numpy as np\noutput = float(np.arange(10.0).sum()) + inputs['x']", x=1
    )
    assert (reply.result, reply.stdout) == ("46.0", "")
    for code, outcome in (("import os; os.abort()", "CRASH"), ("x = bytearray(1 << 30)", "MEMORY")):
        reply = worker.program(code)
        assert outcome in reply.failure.type.upper() or outcome == "CRASH", reply
    assert worker.program("output = [1]").result == "[1]"

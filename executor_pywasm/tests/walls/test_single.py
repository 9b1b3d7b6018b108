"""Each wall by itself, in a thread or a child of the tests, and in what it says of itself."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from child import in_child

from edgemesh_executor_pywasm.walls import (
    Ground,
    descriptors,
    environment,
    kernel,
    landlock,
    namespaces,
    privileges,
    seccomp,
)
from edgemesh_executor_pywasm.walls.numbers import NUMBERS
from edgemesh_executor_pywasm.walls.wall import CannotRaise

NOTHING = Ground((), 0)


def in_thread(work: Callable[[], Any]) -> Any:
    """What `work` gives in a thread of its own, which takes its walls with it when it ends."""
    found: list[Any] = []

    def body() -> None:
        try:
            found.append(work())
        except BaseException as error:  # for the test's own thread
            found.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0]


def refused(attempt: Callable[[], Any]) -> str:
    """The name of the error, or nothing."""
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return ""


@pytest.mark.skipif(
    not landlock.version() and "CI" not in os.environ, reason="this kernel has no Landlock"
)
def test_landlock_lets_read_what_is_named_and_nothing_else(tmp_path: Path) -> None:
    for name in ("open", "closed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    single = tmp_path / "closed" / "single"
    single.write_text("single")

    def work() -> Any:
        said = landlock.restrict(Ground((tmp_path / "open", single), 0))
        return said, [
            (tmp_path / "open" / "file").read_text(),
            os.listdir(tmp_path / "open"),
            single.read_text(),
            refused(lambda: (tmp_path / "closed" / "file").read_text()),
            refused(lambda: os.listdir(tmp_path / "closed")),
            refused(lambda: (tmp_path / "open" / "file").write_text("x")),
            refused(lambda: single.write_text("x")),
        ]

    said, found = in_thread(work)
    assert f"version {landlock.version()}: reads 2 places" in said
    assert found == ["open", ["file"], "single", "EACCES", "EACCES", "EACCES", "EACCES"]


def test_landlock_is_asked_for_what_its_version_knows() -> None:
    words = {
        v: struct.unpack(f"={len(landlock.ruleset(v)) // 8}Q", landlock.ruleset(v))
        for v in range(1, 10)
    }
    assert [words[v][0].bit_length() for v in range(1, 6)] == [13, 14, 15, 15, 16]
    assert [len(words[v]) for v in range(1, 8)] == [1, 1, 1, 2, 2, 3, 3]
    assert words[9] == words[6]


def test_landlock_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "version", lambda: 0)
    with pytest.raises(CannotRaise, match="has none"):
        landlock.restrict(NOTHING)


def test_seccomp_answers_a_threads_other_calls_with_an_error(tmp_path: Path) -> None:
    machine = kernel.machine()

    def work() -> Any:
        seccomp.lay(seccomp.policy(machine, os.getpid()), NUMBERS[machine]["seccomp"], 0)
        return [
            refused(lambda: socket.socket()),
            refused(lambda: (tmp_path / "x").write_text("")),
            refused(lambda: os.kill(os.getpid(), 0)),
            refused(lambda: os.close(os.open("/", os.O_RDONLY))),
        ]

    assert in_thread(work) == ["EPERM", "EPERM", "EPERM", ""]


def test_a_filter_that_the_system_refuses_is_told() -> None:
    with pytest.raises(CannotRaise, match="refuses the filter"):
        in_thread(lambda: seccomp.lay(b"\xff" * 8, NUMBERS[kernel.machine()]["seccomp"], 0))


@pytest.mark.skipif(os.geteuid() != 0, reason="a thread enters none without being root")
def test_namespaces_have_no_network_and_no_processes(tmp_path: Path) -> None:
    def work() -> Any:
        said = namespaces.enter(NOTHING)
        return said, [
            os.listdir("/proc"),
            refused(lambda: (tmp_path / "x").write_text("")),
            [name for _, name in socket.if_nameindex()],
        ]

    said, found = in_thread(work)
    assert said == "no network, no /proc, all else read-only"
    assert found == [[], "EROFS", ["lo"]]
    assert os.listdir("/proc/self/fd"), "it is the thread's alone"


def test_namespaces_that_are_refused_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> int:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(kernel, "syscall", refuse)
    with pytest.raises(CannotRaise, match="Operation not permitted"):
        namespaces.enter(NOTHING)


def test_the_environment_is_a_list_of_what_may_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("A_PASSWORD", "swordfish")

    def work() -> Any:
        said = environment.clear(NOTHING)
        ctypes.CDLL(None).getenv.restype = ctypes.c_char_p
        path = Path("/proc/self/environ").read_bytes()
        return said, dict(os.environ), path.strip(b"\0").decode()

    said, left, handed = in_child(work)
    assert set(left) <= set(environment.KEPT)
    assert left["LANG"] == "C.UTF-8"
    assert "swordfish" not in said
    assert handed == ""


def test_the_log_can_only_be_appended_to(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("first\n")

    def work() -> Any:
        file = os.open(log, os.O_RDWR)
        os.dup2(file, 1)
        os.dup2(file, 2)
        said = descriptors.narrow(NOTHING)
        os.lseek(2, 0, os.SEEK_SET)
        os.write(2, b"second\n")
        return said, os.read(0, 1).decode(), refused(lambda: os.read(2, 1))

    assert in_child(work) == ["stdout appends, stderr appends", "", "EBADF"]
    assert log.read_text() == "first\nsecond\n"


def test_a_log_that_is_a_socket_stays_as_it_is() -> None:
    def work() -> Any:
        one, other = socket.socketpair()
        os.dup2(one.fileno(), 1)
        os.dup2(one.fileno(), 2)
        said = descriptors.narrow(NOTHING)
        os.write(2, b"line")
        return said, other.recv(4).decode()

    assert in_child(work) == ["stdout is a socket, stderr is a socket", "line"]


def test_no_privilege_is_left() -> None:
    def work() -> Any:
        said = privileges.drop(NOTHING)
        lines = Path("/proc/self/status").read_text().splitlines()
        status = dict(line.split(":\t") for line in lines if line.startswith(("Cap", "NoNew")))
        return said, status, resource.getrlimit(resource.RLIMIT_CORE), kernel.prctl(3)

    said, status, core, dumpable = in_child(work)
    assert "no capabilities" in said
    assert status.pop("NoNewPrivs") == "1"
    if os.geteuid():
        status.pop("CapBnd")  # which only root may narrow; without new privileges it means nothing
    assert set(status.values()) == {"0" * 16}
    assert (core, dumpable) == ([0, 0], 0)


def test_another_machine_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "MACHINES", ("vax",))
    with pytest.raises(CannotRaise, match="only for Linux on vax"):
        kernel.machine()

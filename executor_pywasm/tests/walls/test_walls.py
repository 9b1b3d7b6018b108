"""Walls are raised in order; where one cannot stand it is told, and strict workers do not start."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from child import in_child

from edgemesh_executor_pywasm.walls import (
    Ground,
    Wall,
    WallsMissing,
    lifeline,
    privileges,
    raise_walls,
    readable,
)
from edgemesh_executor_pywasm.walls.wall import CannotRaise

GROUND = Ground((Path("/usr"),), 65534)


def stands(name: str) -> Callable[[Ground], str]:
    return lambda _: f"{name} is high"


def falls(error: Exception) -> Callable[[Ground], str]:
    def fall(_: Ground) -> str:
        raise error

    return fall


def raised(walls: Sequence[Wall], *, strict: bool = False) -> Any:
    def work() -> Any:
        try:
            return [asdict(wall) for wall in raise_walls(GROUND, strict=strict, walls=walls)]
        except WallsMissing as error:
            return str(error)

    return in_child(work)


def test_what_became_of_each_wall_is_told() -> None:
    walls = [
        Wall("first", stands("first")),
        Wall("second", falls(CannotRaise("no stones"))),
        Wall("third", falls(PermissionError(1, "not permitted")), doubled=True),
    ]
    assert [(w["name"], w["stands"], w["detail"]) for w in raised(walls)] == [
        ("first", True, "first is high"),
        ("second", False, "no stones"),
        ("third", False, "the system says: [Errno 1] not permitted"),
    ]


def test_strict_refuses_unless_another_wall_holds_the_same() -> None:
    missing = Wall("one", falls(CannotRaise("no stones")))
    doubled = Wall("two", falls(CannotRaise("no mortar")), doubled=True)
    assert [w["stands"] for w in raised([doubled], strict=True)] == [False]
    refusal = raised([missing, doubled], strict=True)
    assert "one: no stones" in refusal
    assert "two" not in refusal


def test_a_wall_that_a_thread_may_stand_outside_of_is_missing() -> None:
    def work() -> Any:
        over = threading.Event()
        thread = threading.Thread(target=over.wait)
        thread.start()
        (wall,) = raise_walls(GROUND, walls=[Wall("first", stands("first"))])
        over.set()
        thread.join()
        return wall.stands, wall.detail

    assert in_child(work) == [False, "first is high; but other threads ran already"]


def test_the_workers_own_python_and_the_images_are_needed(tmp_path: Path) -> None:
    needed = readable(tmp_path)
    assert tmp_path in needed
    for module in (os, pytest, privileges):
        file = Path(str(module.__file__)).resolve()
        assert any(file.is_relative_to(place) for place in needed), module
    assert Path("/") not in needed
    assert Path.home() not in needed


@pytest.mark.skipif(os.geteuid() != 0, reason="who is not root is nobody else's user")
def test_root_becomes_nobody_and_still_dies_with_its_front(tmp_path: Path) -> None:
    def work() -> Any:
        libc, after = ctypes.CDLL(None), ctypes.c_int()
        libc.prctl(1, signal.SIGTERM, 0, 0, 0)
        said = privileges.become_nobody(GROUND)
        libc.prctl(2, ctypes.byref(after), 0, 0, 0)
        try:
            os.setuid(0)
            back = True
        except PermissionError:
            back = False
        return [said, os.getresuid(), os.getresgid(), os.getgroups(), after.value, back]

    who = [65534] * 3
    assert in_child(work) == ["user 65534", who, who, [], signal.SIGTERM, False]


@pytest.mark.skipif(os.geteuid() != 0, reason="who is not root is nobody else's user")
def test_root_stays_root_where_nobody_could_not_read_what_is_needed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)

    def work() -> Any:
        groups = os.getgroups()
        libc, after = ctypes.CDLL(None), ctypes.c_int()
        libc.prctl(1, signal.SIGTERM, 0, 0, 0)
        try:
            privileges.become_nobody(Ground((Path("/usr"), closed), 65534))
        except CannotRaise as error:
            libc.prctl(2, ctypes.byref(after), 0, 0, 0)
            same = os.getgroups() == groups
            return [str(error), os.getresuid(), os.getresgid(), same, after.value]

    told = f"it runs as root, since user 65534 cannot read {closed}"
    assert in_child(work) == [told, [0, 0, 0], [0, 0, 0], True, signal.SIGTERM]


@pytest.mark.skipif(os.geteuid() != 0, reason="the walls' other tests are this one then")
def test_who_is_not_root_raises_them_too() -> None:
    def work() -> Any:
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # dumpable, as one that was started so
        log = os.open(os.devnull, os.O_WRONLY)
        os.dup2(log, 1)
        os.dup2(log, 2)
        raised = raise_walls(GROUND)
        return {wall.name: wall.detail for wall in raised if not wall.stands}, os.geteuid()

    missing, uid = in_child(work)
    assert set(missing) <= {"namespaces"}, missing  # which a system may keep from users
    assert uid == 65534


def test_a_worker_whose_front_died_meanwhile_ends() -> None:
    """The kernel tells of the front's death once; it is not to be missed."""

    def orphan() -> Any:
        reading, writing = os.pipe()
        parent = os.fork()
        if not parent:
            worker = os.fork()
            if not worker:
                ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
                with lifeline.kept():
                    ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)
                    before = os.getppid()
                    os.write(writing, b"1")
                    while os.getppid() == before:
                        os.sched_yield()
                os.write(writing, b"lived on")
            else:
                os.read(reading, 1)
            os._exit(0)
        os.close(writing)
        os.waitpid(parent, 0)
        return os.read(reading, 100).decode()

    assert in_child(orphan) == ""

"""Parts of a test run: all are run, and one that fails fails the whole."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from edgemesh_local import command
from edgemesh_local.command import CommandFailed
from edgemesh_local.console import Console, duration
from edgemesh_local.generating import different_files
from edgemesh_local.layout import Layout
from edgemesh_local.locking import foreign_text, inputs
from edgemesh_local.parts import Part, PartFailed, Skipped, run_parts
from edgemesh_local.system import MissingPackages
from edgemesh_local.testing import suites
from edgemesh_local.toolchain import MissingTool


async def fine() -> None:
    """Nothing is found."""


async def finds() -> None:
    raise PartFailed("a stub is old")


async def skips() -> None:
    raise Skipped("no Go")


async def breaks() -> None:
    raise CommandFailed("pytest", ["pytest"], 1, None)


def said(tmp_path: Path) -> list[str]:
    return [" ".join(line.split()) for line in (tmp_path / "console").read_text().splitlines()]


async def test_all_run_and_are_summed_up(console: Console, tmp_path: Path) -> None:
    parts = [Part("a", finds), Part("b", skips), Part("c", breaks), Part("d", fine)]
    assert await run_parts(parts, console) == 1
    assert said(tmp_path)[-4:] == [
        "FAILED a 0.0 s a stub is old",
        "skipped b 0.0 s no Go",
        "FAILED c 0.0 s pytest: exit code 1: pytest",
        "passed d 0.0 s",
    ]


async def test_parts_are_chosen_by_the_start_of_their_names(console: Console) -> None:
    parts = [Part("gateway pytest", finds), Part("ruff check", fine)]
    assert await run_parts(parts, console, ["ruff"]) == 0
    assert await run_parts(parts, console, ["gate"]) == 1
    assert await run_parts(parts, console, ["nothing"]) == 1
    assert await run_parts([Part("b", skips)], console) == 0


async def test_parts_run_side_by_side_and_print_in_one_piece(
    console: Console, tmp_path: Path
) -> None:
    here, there = asyncio.Event(), asyncio.Event()

    async def meets(mine: asyncio.Event, other: asyncio.Event, word: str) -> None:
        for number in range(2):
            words = ["echo", f"{word} {number}"]
            await command.show(word, words, cwd=tmp_path, env=os.environ)
            mine.set()
            await asyncio.wait_for(other.wait(), 10)

    async def sums_up() -> None:
        assert (tmp_path / "console").read_text().count("== ") == 2

    parts = [
        Part("sum", sums_up, last=True),
        Part("a/b c", lambda: meets(here, there, "one")),
        Part("d", lambda: meets(there, here, "two")),
    ]
    assert await run_parts(parts, console, lanes=2, folder=tmp_path / "logs") == 0
    lines = said(tmp_path)
    assert lines[lines.index("== a/b c") + 1 :][:2] == ["one 0", "one 1"]
    assert lines[lines.index("== d") + 1 :][:2] == ["two 0", "two 1"]
    assert [line.split()[1] for line in lines[-3:]] == ["sum", "a/b", "d"]


async def lacks() -> None:
    raise MissingTool("go", "1.25", None)


async def lacks_a_package() -> None:
    raise MissingPackages(["postgresql"])


@pytest.mark.parametrize("lanes", [1, 2])
async def test_a_part_that_lacks_something_fails_alone(
    console: Console, tmp_path: Path, lanes: int
) -> None:
    parts = [Part("a", lacks), Part("b", lacks_a_package), Part("c", fine)]
    assert await run_parts(parts, console, lanes=lanes, folder=tmp_path / "logs") == 1
    told = "\n".join(said(tmp_path))
    assert "FAILED a 0.0 s go 1.25 or newer is needed; it is not there" in told
    assert "apt-get install -y --no-install-recommends postgresql" in told
    assert told.endswith("passed c 0.0 s")


async def test_a_failing_part_stops_no_other(console: Console, tmp_path: Path) -> None:
    parts = [Part("a", finds), Part("b", fine), Part("c", breaks), Part("d", fine)]
    assert await run_parts(parts, console, lanes=2, folder=tmp_path / "logs") == 1
    assert [line.split()[0] for line in said(tmp_path)[-4:]] == [
        "FAILED", "passed", "FAILED", "passed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (59.4, "59 s"), (242, "4 min 02 s")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


async def test_what_a_command_prints_is_shown_as_it_is(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = [sys.executable, "-c", "print('3 passed')"]
    await command.show("tests", words, cwd=tmp_path, env=os.environ)
    assert capfd.readouterr().out == "3 passed\n"
    with pytest.raises(CommandFailed):
        await command.show("tests", ["false"], cwd=tmp_path, env=os.environ)
    assert await command.read(["false"]) is None
    assert await command.read(["no-such-program"]) is None


def test_suites_are_folders_and_loose_files(tmp_path: Path) -> None:
    for name in ("e2e/test_a.py", "e2e/more/test_b.py", "contract/test_c.py", "test_d.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "test_of_another.py").touch()
    assert suites(tmp_path) == {
        "contract": [tmp_path / "contract"],
        "e2e": [tmp_path / "e2e"],
        "tests": [tmp_path / "test_d.py"],
    }


def test_generated_files_are_compared_both_ways(tmp_path: Path) -> None:
    made, kept = tmp_path / "made", tmp_path / "kept"
    for folder, files in (
        (made, {"same_pb2.py": "1", "new_pb2.py": "1", "other_pb2.pyi": "1"}),
        (kept, {"same_pb2.py": "1", "old_pb2_grpc.py": "1", "other_pb2.pyi": "2", "py.typed": ""}),
    ):
        for name, text in files.items():
            path = folder / "edgemesh" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    assert different_files(made, kept) == [
        "edgemesh/new_pb2.py",
        "edgemesh/old_pb2_grpc.py",
        "edgemesh/other_pb2.pyi",
    ]


def test_every_lock_is_there_and_names_no_place() -> None:
    layout = Layout.here()
    for source in inputs(layout):
        assert foreign_text(source.with_suffix(".lock")) == []


def test_a_place_in_a_lock_is_seen(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"--index-url https://pypi.example/packages\na==1\nb @ file://{tmp_path}/b\n")
    assert len(foreign_text(lock)) == 2

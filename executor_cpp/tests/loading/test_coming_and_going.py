"""Plugins come, change and go while the executor serves, and no call is lost."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from loading.workshop import PREFIX, Executor, Workshop, put, remove, until

Start = Callable[..., Executor]
ONE = {"VERSION": "1.0.0", "ANSWER": 1}
TWO = {"VERSION": "2.0.0", "ANSWER": 2}


async def test_one_comes_and_goes(start: Start, workshop: Workshop, folder: Path) -> None:
    put(workshop.make(NAME="other", ALGORITHM="cpp.other", ANSWER=7), folder, "other")
    executor = start()
    assert await executor.answer("cpp.other") == 7
    assert await executor.refusal() == grpc.StatusCode.NOT_FOUND
    put(workshop.make(**ONE), folder)
    await until(lambda: executor.answers(1), "it is served")
    assert await executor.state("answer") == "SERVING"
    assert await executor.healthy("plugin/answer")
    remove(folder)
    await until(lambda: gone(executor), "it is withdrawn")
    assert await executor.refusal() == grpc.StatusCode.NOT_FOUND
    assert not await executor.healthy("plugin/answer")
    assert await executor.answer("cpp.other") == 7


async def gone(executor: Executor) -> bool:
    return ("answer", "1.0.0") not in await executor.plugins()


async def test_an_executor_without_plugins_waits_for_one(
    start: Start, workshop: Workshop, folder: Path
) -> None:
    executor = start()
    assert not await executor.healthy()
    put(workshop.make(**ONE), folder)
    await until(executor.healthy, "it serves")
    assert await executor.answer() == 1


@pytest.mark.parametrize("way", ["by a rename", "overwritten in place"])
async def test_a_new_version_takes_over_and_no_call_is_lost(
    start: Start, workshop: Workshop, folder: Path, way: str
) -> None:
    put(workshop.make(**ONE), folder)
    executor = start()
    seen: Counter[int] = Counter()
    changed = asyncio.Event()
    left = 1000

    async def caller() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            seen[await executor.answer(ms=2)] += 1
            if changed.is_set():
                return

    callers = [asyncio.create_task(caller()) for _ in range(40)]
    await until(lambda: later(seen[1] > 50), "calls run")
    new = workshop.make(**TWO)
    if way == "by a rename":
        put(new, folder)
    else:
        for suffix in (".so", ".json"):
            shutil.copyfile(new.with_suffix(suffix), folder / f"answer{suffix}")
    while await executor.answer() != 2:
        pass
    changed.set()
    await asyncio.gather(*callers)  # what fails is raised here
    assert set(seen) <= {1, 2}
    assert await executor.answer() == 2
    assert await executor.state("answer", "1.0.0") == "KEPT"


async def later(value: bool) -> bool:
    return value


async def test_what_runs_ends_on_the_version_that_it_began_with(
    start: Start, workshop: Workshop, folder: Path
) -> None:
    put(workshop.make(**ONE), folder)
    executor = start()
    long = asyncio.create_task(executor.answer(ms=4000))
    await executor.answer()
    put(workshop.make(**TWO), folder)
    await until(lambda: executor.state_is("answer", "2.0.0", "SERVING"), "the new one serves")
    assert not long.done()
    assert await executor.answer() == 2
    assert await long == 1


async def test_versions_of_an_algorithm_stay_side_by_side(
    start: Start, workshop: Workshop, folder: Path
) -> None:
    put(workshop.make(**ONE), folder)
    executor = start()
    put(workshop.make(ALGORITHM_VERSION="2", **TWO), folder)
    await until(lambda: executor.state_is("answer", "2.0.0", "SERVING"), "the new one serves")
    answers = [await executor.answer(f"cpp.answer{at}") for at in ("", "@1", "@2")]
    assert answers == [2, 1, 2]


async def test_a_pin_rolls_back_and_outlives_a_restart(
    start: Start, workshop: Workshop, folder: Path
) -> None:
    put(workshop.make(**ONE), folder)
    executor = start()
    put(workshop.make(**TWO), folder)
    await until(lambda: executor.answers(2), "the new one serves")
    pin(executor, folder, "answer", "1.0.0")
    await until(lambda: executor.answers(1), "the old one serves again")
    assert await executor.state("answer", "2.0.0") == "KEPT"
    await executor.close()
    executor = start()
    assert await executor.answer() == 1
    pin(executor, folder, "answer", "newest")
    await until(lambda: executor.answers(2), "the newest serves again")
    (folder / "pins.json").write_text("{")
    put(workshop.make(VERSION="3.0.0", ANSWER=3), folder)
    await until(lambda: executor.answers(3), "pins that make no sense hold up nothing")


async def test_a_pinned_version_that_is_late_at_a_restart_comes_yet(
    start: Start, workshop: Workshop, folder: Path, tmp_path: Path
) -> None:
    well = tmp_path / "well"
    well.touch()
    put(workshop.make(VERSION="1.0.0", ANSWER=1, AT_LOAD=5, UNTIL=str(well)), folder)
    executor = start()
    assert await executor.answer() == 1
    put(workshop.make(VERSION="2.0.0", ANSWER=2), folder)
    await until(lambda: executor.answers(2), "the newer is served")
    pin(executor, folder, "answer", "1.0.0")
    await until(lambda: executor.answers(1), "the older is served again")
    await executor.close()
    well.unlink()
    executor = start(load_timeout_ms=1000)
    await until(lambda: executor.answers(2), "the newer is served while the older is late")
    well.touch()
    await until(lambda: executor.answers(1), "the older is served again")


def pin(executor: Executor, folder: Path, *words: str) -> None:
    python = executor.process.args[0]  # type: ignore[index]
    command = [str(python), "-m", "edgemesh_executor_cpp.pins", str(folder), *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


async def test_old_versions_go_when_there_are_too_many(
    start: Start, workshop: Workshop, folder: Path
) -> None:
    executor = start(plugin_versions=2)
    for number in (1, 2, 3):
        put(workshop.make(VERSION=f"{number}.0.0", ANSWER=number), folder)
        await until(lambda number=number: executor.answers(number), f"version {number} serves")
    versions = [version for name, version in await executor.plugins() if name == "answer"]
    assert sorted(versions) == ["2.0.0", "3.0.0"]


async def test_a_manifest_of_the_build_tool_is_taken(
    start: Start, workshop: Workshop, folder: Path
) -> None:
    executor = start()
    shutil.copy(workshop.make(**ONE), folder / "answer.so")
    tool = [str(PREFIX / "bin" / "edgemesh-plugin"), "manifest", str(folder / "answer.so")]
    made = await asyncio.to_thread(subprocess.run, tool, check=True, capture_output=True)
    (folder / "answer.json").write_bytes(made.stdout)
    await until(lambda: executor.answers(1), "it is served")

"""The sandbox on asyncio: the loop goes on, cancelling stops the program, output comes in order."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edgemesh_sandbox import AsyncSandbox, Limits, Outcome
from edgemesh_sandbox.built import Built

LONG = Limits(run_time_ms=300_000)  # more than a test may last


@pytest.fixture
def folder(built: Built) -> Path:
    return built.image.folder.parent


async def test_short_programs_run_beside_a_long_one(folder: Path) -> None:
    async with AsyncSandbox(folder) as sandbox:
        slow = asyncio.create_task(sandbox.run("import time; time.sleep(60)"))
        results = await asyncio.gather(
            *(sandbox.run("output = inputs['n'] ** 2", {"n": n}) for n in range(20))
        )
        assert [r.result for r in results] == [n**2 for n in range(20)]
        assert not slow.done()
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        assert (await sandbox.run("output = 1")).result == 1


async def test_cancelling_stops_a_busy_program(folder: Path) -> None:
    async with AsyncSandbox(folder, at_once=1) as sandbox:
        seen = asyncio.Event()
        task = asyncio.create_task(
            sandbox.run(
                "print('here')\nwhile True: pass", on_output=lambda *_: seen.set(), limits=LONG
            )
        )
        await asyncio.wait_for(seen.wait(), 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # The only thread is free again.
        assert (await sandbox.run("output = 2")).result == 2


async def test_output_comes_on_the_loop_and_in_order(folder: Path) -> None:
    parts: list[tuple[str, str]] = []
    async with AsyncSandbox(folder) as sandbox:
        result = await sandbox.run(
            "import sys\nfor n in range(300):\n  print(n, file=(sys.stdout, sys.stderr)[n % 2])",
            on_output=lambda stream, text: parts.append((stream, text)),
        )
    for name, text in (("stdout", result.stdout), ("stderr", result.stderr)):
        assert "".join(t for s, t in parts if s == name) == text


async def test_limits_hold(folder: Path) -> None:
    async with AsyncSandbox(folder) as sandbox:
        result = await sandbox.run("while True: pass", limits=Limits(run_time_ms=50))
        assert result.outcome is Outcome.TIMEOUT

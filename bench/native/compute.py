"""Times inside plugins beside those of the libraries that they are named after.

Rules: two processes with the same data and the same number of threads take turns, so that whatever
else the machine does meets both; figures are medians, numbers must agree before they are timed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench.environments import PeerMissing, environment_of
from bench.native.cases import CASES, Case
from bench.process import ROOT, environment
from bench.report import Line
from edgemesh_local.environments import interpreter

GOAL, GOAL_HALF = 1.0, 1.2
THREADS = 1
"""What an executor gives a call when nobody says otherwise."""
WARM_UP = 2


class Side:
    """One of the two processes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, what: str) -> Any:
        """Send a line, get one."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n".encode())
        return await self.told()

    async def told(self) -> Any:
        """Get a line."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a side ended with status {await self._process.wait()}")
        return json.loads(line)


async def measure() -> list[Line]:
    """A line for each case: the plugin's time, the library's, and their ratio."""
    try:
        peer = environment_of("native") / "bin" / "python"
    except PeerMissing as missing:
        return [Line.none("compute", missing.reason)]
    with tempfile.TemporaryDirectory() as name:
        own = str(interpreter(ROOT / "executor_cpp"))
        plugins = sorted((ROOT / "executor_cpp/.venv/edgemesh/plugins").glob("*.so"))
        async with _side(str(peer), "reference", name) as reference:
            await reference.told()
            async with _side(own, "plugins", name, *map(str, plugins)) as native:
                offered: list[str] = await native.told()
                return await _cases(native, reference, offered)


async def _cases(native: Side, reference: Side, offered: Sequence[str]) -> list[Line]:
    lines: list[Line] = []
    ratios: list[float] = []
    for case in CASES:
        if case.algorithm not in offered:
            lines.append(Line.none(case.name, f"{case.algorithm} is not built"))
            continue
        await native.ask(case.name)
        differ = (await reference.ask(f"{case.name}?"))["differ"]
        if not differ <= case.tolerance:
            raise RuntimeError(f"{case.name}: differs by {differ:.3g} from its reference")
        ours, theirs = await _in_turn(case, native, reference)
        ratios.append(ours / theirs)
        lines.append(Line(case.name, ours, "ms"))
        lines.append(Line("  its reference", theirs, "ms"))
        lines.append(Line.most("  ratio", ours / theirs, "x", GOAL))
    if ratios:
        share = sum(ratio <= 1 / GOAL_HALF for ratio in ratios) / len(CASES)
        lines.append(Line.least(f"share that is {GOAL_HALF} x faster", share, "", 0.5))
    return lines


async def _in_turn(case: Case, native: Side, reference: Side) -> tuple[float, float]:
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(WARM_UP + case.repeats):
        ours.append((await native.ask(case.name))["ms"])
        theirs.append((await reference.ask(case.name))["ms"])
    return statistics.median(ours[WARM_UP:]), statistics.median(theirs[WARM_UP:])


@asynccontextmanager
async def _side(python: str, module: str, *words: str) -> AsyncGenerator[Side]:
    folder, *more = words
    env = environment(OPENBLAS_NUM_THREADS=str(THREADS), OMP_NUM_THREADS=str(THREADS))
    process = await asyncio.create_subprocess_exec(
        python,
        *("-m", f"bench.native.{module}", folder, str(THREADS), *more),
        cwd=Path(ROOT),
        env=env,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Side(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

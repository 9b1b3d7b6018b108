"""The library by itself: what a ready instance holds, and sandboxes per second of two processes."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.process import ROOT
from bench.report import Line
from bench.sandbox.options import DURATION_S
from edgemesh_local.environments import interpreter
from edgemesh_local.layout import Layout

ALONE = Path(__file__).with_name("alone.py")
PROCESSES = 2
INSTANCE_MB = 1.3
PER_SECOND = 1500


async def measure() -> list[Line]:
    """Memory, then throughput."""
    one = await _start("memory")
    held = await _end(one)
    lines = [
        Line.most(
            "a ready instance: its pages of the image", held["image"] / 1e3, "MB", INSTANCE_MB
        ),
        Line.most(
            "a ready instance: what the process grows by", held["process"] / 1e3, "MB", INSTANCE_MB
        ),
    ]
    several = [await _start("lasting", str(DURATION_S)) for _ in range(PROCESSES)]
    for process in several:
        assert process.stdout is not None
        await process.stdout.readline()  # it is ready
    for process in several:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
    found = await asyncio.gather(*map(_end, several))
    rate = sum(each["runs"] / each["seconds"] for each in found)
    cpu = sum(each["cpu_s"] for each in found) / sum(each["runs"] for each in found)
    what = f"library, {PROCESSES} processes for {DURATION_S} s: sandboxes"
    lines.append(Line.least(what, rate, "/s", PER_SECOND))
    lines.append(Line("  processor time of one", cpu * 1e3, "ms"))
    return lines


async def _start(*words: str) -> asyncio.subprocess.Process:
    env = {**os.environ, "EDGEMESH_CACHE": str(Layout.here().cache)}
    return await asyncio.create_subprocess_exec(
        *(str(interpreter(ROOT / "executor_pywasm")), str(ALONE), *words),
        env=env,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


async def _end(process: asyncio.subprocess.Process) -> Mapping[str, Any]:
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{ALONE.name} ended with status {process.returncode}")
    return json.loads(said)

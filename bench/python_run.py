"""python.run and the sandbox beneath it: as a library beside its peers, and through the mesh."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time

from bench import figures
from bench.process import ROOT
from bench.report import Line, save
from bench.sandbox import comparison, executor, library, sessions, standing
from bench.sandbox.options import DURATION_S, RUNS, SETUP
from edgemesh_local.environments import interpreter

SETUP_S = 180.0
LOOKED_S = 2.0


async def measure() -> list[Line]:
    """Everything that has a goal; prints the peers' table on the way."""
    others = await asyncio.to_thread(figures.busy_cores, LOOKED_S)
    compared, table, found = await comparison.measure()
    print(table, flush=True)
    lines = [Line("cores that others kept busy before it began", others, ""), *compared]
    lines += [*await library.measure(), *await executor.measure(), *await sessions.measure()]
    lines += await standing.measure()
    if SETUP:
        lines.append(Line.most("image set-up from nothing", await _setup(), "s", SETUP_S))
    save("pywasm", lines, peers=found, duration_s=DURATION_S, runs=RUNS)
    return lines


async def _setup() -> float:
    """Everything fetched, compiled and warmed, as the first `make` on a machine does."""
    with tempfile.TemporaryDirectory() as cache:
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *(str(interpreter(ROOT / "executor_pywasm")), "-m", "edgemesh_sandbox.setup"),
            env={**os.environ, "EDGEMESH_CACHE": cache},
        )
        if await process.wait():
            raise RuntimeError(f"set-up ended with status {process.returncode}")
        return time.perf_counter() - began

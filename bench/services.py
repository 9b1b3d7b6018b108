"""What services cost when nobody asks anything of them: their start, and their idle CPU."""

from __future__ import annotations

import asyncio
import statistics
import time

from bench import figures
from bench.brief import unless_brief
from bench.report import Line, save
from edgemesh_local.mesh import Mesh

STARTS, IDLE_S = unless_brief((3, 10.0), (1, 0.5))
START_GOAL_S = 2.0
CPU_GOAL = 2.0


async def measure() -> list[Line]:
    """Start each service some times alone; then watch them all idle."""
    lines: list[Line] = []
    async with Mesh() as mesh:
        names = ("gateway", *mesh.executors)
        for name in names:
            took: list[float] = []
            for _ in range(STARTS):
                await mesh.stop_service(name)
                began = time.perf_counter()
                await mesh.start_service(name)
                took.append(time.perf_counter() - began)
            lines.append(
                Line.most(f"{name}: to SERVING", statistics.median(took), "s", START_GOAL_S)
            )
        await asyncio.sleep(2.0)  # spares are still starting
        families = {name: figures.family(mesh.pid(name)) for name in names}
        before = {name: figures.cpu_seconds(pids) for name, pids in families.items()}
        await asyncio.sleep(IDLE_S)
        for name, pids in families.items():
            share = (figures.cpu_seconds(pids) - before[name]) / IDLE_S * 100
            what = f"{name}: idle CPU, with its workers"
            lines.append(Line.most(what, share, "%", CPU_GOAL))
    save("services", lines, starts=STARTS, idle_s=IDLE_S)
    return lines

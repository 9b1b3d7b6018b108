"""The gateway's scheduler by itself: what bench/scheduler_sim.py finds, its goals, and a plot.

The plot (bench/out/scheduler.png) is the distribution of waits by class. REQUESTS= replays fewer.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from bench.hop import PYTHON
from bench.process import ROOT, environment
from bench.report import OUT, Line, save

SOONEST_MS = 0.001


async def measure() -> list[Line]:
    """Replay, in a process that has the gateway's packages."""
    OUT.mkdir(parents=True, exist_ok=True)
    file = OUT / "scheduler_sim.json"
    command = [PYTHON, str(ROOT / "bench" / "scheduler_sim.py"), "--json", str(file)]
    process = await asyncio.create_subprocess_exec(*command, env=environment())
    if await process.wait():
        raise RuntimeError(f"bench/scheduler_sim.py ended with status {process.returncode}")
    found: dict[str, Any] = json.loads(await asyncio.to_thread(file.read_text))
    await asyncio.to_thread(plot, found, OUT / "scheduler.png")
    lines: list[Line] = []
    for rank, name in enumerate(found["wait_ms"]):
        lines.append(Line(f"{name}: wait p50", found["p50_ms"][rank], "ms"))
        lines.append(Line(f"{name}: wait p99", found["p99_ms"][rank], "ms"))
    off = max(abs(share - 1) for share in found["share_of_weight"].values()) * 100
    lines.append(Line.most("batch: share against weight, off by", off, "%", 5.0))
    lines.append(Line.most("a decision at 100,000 waiting", found["take_us"], "us", 20.0))
    lines.append(Line("an arrival at 100,000 waiting", found["add_us"], "us"))
    lines.append(Line("a request, all of the replay", found["us_per_request"], "us"))
    save("scheduler", lines, requests=found["requests"])
    return lines


def plot(found: dict[str, Any], path: Path) -> None:
    """Which part of a class waits no longer than how long."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    untyped: Any = pyplot
    figure, axes = untyped.subplots(figsize=(7, 4))
    for name, points in found["wait_ms"].items():
        waits = [max(wait, SOONEST_MS) for wait in points.values()]
        axes.step(waits, [float(at) * 100 for at in points], where="post", label=name)
    axes.set(
        xscale="log",
        xlabel="wait for a slot, ms",
        ylabel="% of the requests that got one",
        title=f"{found['requests']:,} requests, 1,000 tenants, 1,000 slots, 1.35 x their capacity",
    )
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    untyped.close(figure)

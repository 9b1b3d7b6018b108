"""What the executor itself needs for a small python.run, as its own clock says."""

from __future__ import annotations

from bench.caller import caller, p50, request
from bench.report import Line, save

CALLS = 300
CASES = (("print(2+2)", 2.0), ("import numpy", 2.5))
"""Code and the goal for its p50, in ms."""


async def measure() -> list[Line]:
    """Call one after the other."""
    lines: list[Line] = []
    async with caller("pywasm") as pywasm:
        for code, goal in CASES:
            made = request("python.run", {"code": code})
            taken = await pywasm.total_ms(made, CALLS, warm_up=30)
            lines.append(Line.most(f"{code}: executor-side p50", p50(taken), "ms", goal))
            lines.append(Line(f"{code}: p99", taken[int(CALLS * 0.99)], "ms"))
    save("pywasm", lines, calls=CALLS)
    return lines

"""The C++ executor: time inside plugins beside the libraries that they are named after, what lies
around them, and how soon a new one is served."""

from __future__ import annotations

from bench.native import compute, hot_load, wall
from bench.report import Line, save


async def measure() -> list[Line]:
    """Compute, the wall, hot load."""
    lines = [*await compute.measure(), *await wall.measure(), *await hot_load.measure()]
    save("cpp", lines, threads=compute.THREADS)
    return lines

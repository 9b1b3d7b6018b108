"""The C++ executor: time inside plugins beside the libraries that they are named after, and what
lies around them."""

from __future__ import annotations

from bench.native import compute, wall
from bench.report import Line, save


async def measure() -> list[Line]:
    """Compute, then the wall."""
    lines = [*await compute.measure(), *await wall.measure()]
    save("cpp", lines, threads=compute.THREADS)
    return lines

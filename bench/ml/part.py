"""The part `ml` of the bench: the executor by itself, then the crate beside its peers.

BENCH_ML chooses works by a piece of their names, and then measures the executor only where it
holds `executor`.
"""

from __future__ import annotations

import os

from bench.ml import comparison, executor
from bench.report import Line, save

ONLY = os.environ.get("BENCH_ML", "")


async def measure() -> list[Line]:
    """All lines."""
    lines: list[Line] = []
    if not ONLY or "executor" in ONLY:
        lines += await executor.measure()
    if "executor" not in ONLY:
        lines += await comparison.measure(ONLY)
    save("ml", lines)
    return lines

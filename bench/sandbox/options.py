"""What one run of the bench may be told, by variables of the environment.

`make bench-pywasm RUNS=100000 DURATION=60 SETUP=1`
"""

from __future__ import annotations

import os


def _number(name: str, default: int) -> int:
    return int(os.environ.get(f"BENCH_{name}") or default)


RUNS = _number("RUNS", 20_000)
"""Runs of the 64 callers."""
DURATION_S = _number("DURATION", 60)
"""How long a throughput is sustained."""
SETUP = bool(_number("SETUP", 0))
"""Whether everything is built from nothing too, which takes minutes."""

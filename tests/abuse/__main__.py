"""The mesh's part of the abuse suite, as a table: `python -m abuse`; `make abuse ONLY=mesh`.

Ends with status 1 if anything is wrong, or late by more than 250 ms.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from abuse.arena import opened
from abuse.cases import CASES

MOST_LATE_MS = 250


async def main() -> int:
    """Run all; the exit status."""
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        async with opened(Path(folder)) as arena:
            print(f"\n{'mesh':<60}{'outcome':<14}{'ms':>7}{'late':>6}", flush=True)
            for case in CASES:
                came = await arena.attack(case)
                late = came.late_ms > MOST_LATE_MS
                bad += bool(came.wrong) or late
                mark = ("  LATE" if late else "") + ("  WRONG" if came.wrong else "")
                told = f"{came.late_ms:.0f}" if came.outcome == "TIMEOUT" or late else ""
                print(f"  {case.name:<58}{came.outcome:<14}{came.ms:>7.0f}{told:>6}{mark}")
                for text in came.wrong:
                    print(f"      {text[:1000]}", flush=True)
    print(f"\n{len(CASES)} attacks through the mesh, {bad} wrong or late")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

"""Runs the parts of the bench and prints one table of what has goals.

    python -m bench [PART…]

In the environment of tests/; the mesh must have been built. JSON of each part lies in bench/out/.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable

from bench import cpp, fairness, hop, isolation, jobs, python_run, recovery, scheduler, services
from bench.brief import BRIEF
from bench.ml import part as ml
from bench.process import ROOT, environment
from bench.report import OUT, Line, table


async def _pool() -> list[Line]:
    """bench/pool.py needs an environment with mesh_service, and so a process of its own."""
    OUT.mkdir(parents=True, exist_ok=True)
    file = OUT / "pool.json"
    command = [hop.PYTHON, str(ROOT / "bench" / "pool.py"), "--json", str(file)]
    process = await asyncio.create_subprocess_exec(*command, env=environment())
    if await process.wait():
        raise RuntimeError(f"bench/pool.py ended with status {process.returncode}")
    found: dict[str, float] = json.loads(await asyncio.to_thread(file.read_text))
    memcpy = found["100 MB memcpy"]
    return [
        Line.most("no-op p50, cores idle", found["no-op p50, cores idle"], "us", 100),
        Line.most("no-op p50, cores awake", found["no-op p50, cores awake"], "us", 100),
        Line.most("100 MB in, of memcpy", found["100 MB in"] / memcpy, "x", 1.5),
        Line.most("100 MB out, copied, of memcpy", found["100 MB out, copied"] / memcpy, "x", 1.5),
        Line.most("kill -9 to whole again", found["kill -9 to whole again"], "ms", 1000),
        Line.most("cancel to free slot", found["cancel, a call that does not"], "ms", 100),
    ]


PARTS: dict[str, Callable[[], Awaitable[list[Line]]]] = {
    "services": services.measure,
    "recovery": recovery.measure,
    "cpp": cpp.measure,
    "ml": ml.measure,
    "pywasm": python_run.measure,
    "pool": _pool,
    "hop": hop.measure,
    "jobs": jobs.measure,
    "scheduler": scheduler.measure,
    "fairness": fairness.measure,
    "isolation": isolation.measure,
}


async def _main(chosen: list[str]) -> int:
    unknown = set(chosen) - set(PARTS)
    if unknown:
        print(f"no such part: {', '.join(sorted(unknown))}; parts: {', '.join(PARTS)}")
        return 2
    tables: list[str] = []
    for name in chosen or PARTS:
        print(f"-- {name}", flush=True)
        lines = await PARTS[name]()
        tables.append(table(name, lines))
        print(tables[-1], flush=True)
    print("\n== summary ==\n\n" + "\n\n".join(tables))
    if BRIEF:
        print("\nBENCH_BRIEF is set: these are no figures")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(sys.argv[1:])))

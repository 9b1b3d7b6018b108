"""Many calls of all kinds through a whole mesh (`make soak`, CALLS=1000000): nothing grows, next to
nothing fails.

At intervals it prints memory and descriptors of each service with its workers, errors, and the
availability, which is the share of one probe after the other that was answered. What grows is told
by comparing the third quarter of the run with the last one: by then caches are full.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from support import processes, rpc
from support.subject import SUBJECTS

from edgemesh_local.mesh import Mesh
from soak.calls import Calls, Wrong

CALLS = int(os.environ.get("CALLS") or "100000")
CALLERS = 12
ROWS = 20
"""Lines of the table."""
PROBE_S = 0.05
MOST_ERRORS = 0.001
LEAST_AVAILABLE = 0.999
MOST_GROWTH = 0.05
SLACK_MIB, SLACK_DESCRIPTORS = 24.0, 24
RECORDS = 2000
"""Records of requests that the gateway keeps: so few that they are full early."""


@dataclass
class Sample:
    """What a service has, with its workers."""

    mib: float
    descriptors: int


@dataclass
class Run:
    """What is printed, and judged."""

    done: int = 0
    errors: Counter[str] = field(default_factory=Counter[str])
    probes: int = 0
    answered: int = 0
    samples: list[dict[str, Sample]] = field(default_factory=list[dict[str, Sample]])

    @property
    def error_rate(self) -> float:
        return self.errors.total() / max(1, self.done)

    @property
    def available(self) -> float:
        return self.answered / max(1, self.probes)

    def grown(self) -> list[str]:
        """What grows."""
        count = len(self.samples)
        third, last = self.samples[count // 2 : -count // 4], self.samples[-count // 4 :]
        found: list[str] = []
        for name in self.samples[0]:
            for what, slack in (("mib", SLACK_MIB), ("descriptors", SLACK_DESCRIPTORS)):
                before = statistics.median(getattr(each[name], what) for each in third)
                after = statistics.median(getattr(each[name], what) for each in last)
                if after > before * (1 + MOST_GROWTH) + slack:
                    found.append(f"{name}: {what} from {before:.0f} to {after:.0f}")
        return found


def sample(mesh: Mesh, names: tuple[str, ...]) -> dict[str, Sample]:
    """All services now."""
    found: dict[str, Sample] = {}
    for name in names:
        pid = mesh.pid(name)
        family = [pid, *processes.children(pid)]
        mib = sum(map(_private_mib, family))
        # Workers come and go; what a front holds is what may leak.
        found[name] = Sample(mib, len(list(Path(f"/proc/{pid}/fd").iterdir())))
    return found


def _private_mib(pid: int) -> float:
    """Memory of its own: images that processes share are counted once, by nobody."""
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        kept = [line for line in lines if line.startswith(("Private_Clean", "Private_Dirty"))]
        return sum(int(line.split()[1]) for line in kept) / 1024
    return 0.0


async def _probe(mesh: Mesh, run: Run, over: asyncio.Event) -> None:
    """Ask for something small, one time after the other."""
    async with grpc.aio.insecure_channel(mesh.address("gateway"), options=rpc.OPTIONS) as channel:
        peer = rpc.Peer(channel)
        while not over.is_set():
            with contextlib.suppress(grpc.aio.AioRpcError):
                await peer.compute.Compute(SUBJECTS["cpp"].quick(1), timeout=5)
                run.answered += 1
            run.probes += 1
            await asyncio.sleep(PROBE_S)


async def _call(mesh: Mesh, run: Run, numbers: itertools.count[int], names: list[str]) -> None:
    calls = Calls(mesh, [SUBJECTS[name] for name in names])
    while (number := next(numbers)) < CALLS:
        try:
            await calls.make(number)
        except (Wrong, OSError) as error:
            run.errors[f"{type(error).__name__}: {str(error)[:120]}"] += 1
        except grpc.aio.AioRpcError as error:
            run.errors[f"{error.code().name}: {(error.details() or '')[:120]}"] += 1
        run.done += 1
    await calls.close()


async def _watch(mesh: Mesh, run: Run, names: tuple[str, ...], over: asyncio.Event) -> None:
    print(f"\n{'calls':>9} {'per s':>6} {'errors':>7} {'available':>10}  MiB/descriptors", end="  ")
    print("  ".join(names))
    step, began = CALLS / ROWS, time.monotonic()
    while not over.is_set():
        goal = (len(run.samples) + 1) * step
        while run.done < goal and not over.is_set():
            await asyncio.sleep(0.1)
        now = await asyncio.to_thread(sample, mesh, names)
        run.samples.append(now)
        rate = run.done / (time.monotonic() - began)
        figures = "  ".join(f"{now[name].mib:.0f}/{now[name].descriptors}" for name in names)
        print(
            f"{run.done:>9} {rate:>6.0f} {run.error_rate:>7.3%} {run.available:>10.3%}  {figures}",
            flush=True,
        )


@pytest.mark.timeout(0)
async def test_nothing_grows_and_next_to_nothing_fails(tmp_path: Path) -> None:
    names = [name for name in os.environ.get("EXECUTORS", "cpp,pywasm").split(",") if name]
    gateway = {
        "DATABASE": f"sqlite:///{tmp_path}/gateway.db",
        "REST_PORT": "0",
        "REQUEST_RECORDS": str(RECORDS),
    }
    run, over = Run(), asyncio.Event()
    async with Mesh(names, settings={"gateway": gateway}) as mesh:
        services = ("gateway", *names)
        pids = {name: mesh.pid(name) for name in services}
        numbers = itertools.count()
        watching = [
            asyncio.create_task(_probe(mesh, run, over)),
            asyncio.create_task(_watch(mesh, run, services, over)),
        ]
        await asyncio.gather(*(_call(mesh, run, numbers, names) for _ in range(CALLERS)))
        over.set()
        await asyncio.gather(*watching)
        assert {name: mesh.pid(name) for name in services} == pids, "a service was started again"
    print(f"{run.probes} probes; errors: {dict(run.errors.most_common(10)) or 'none'}")
    assert run.error_rate < MOST_ERRORS, run.errors.most_common(10)
    assert run.available > LEAST_AVAILABLE
    grown = run.grown()
    assert not grown, grown

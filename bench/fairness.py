"""What one tenant's backlog is to another: p99 of an interactive tenant that asks for one thing
after the other, alone, and while a batch tenant keeps 10,000 requests waiting.

A gateway process before an executor that takes 20 ms on one of its 8 slots; the backlog is sent by
a process of its own, which sends a new request for each that is answered. Rounds with and without
it take turns; the figure is the median of their ratios.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import re
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from edgemesh.compute.v1 import compute_pb2, compute_pb2_grpc

from bench import figures
from bench.brief import unless_brief
from bench.hop import PYTHON
from bench.process import environment, free_port, running
from bench.report import Line, save

BACKLOG = unless_brief(10_000, 500)
CHANNELS = 10
"""Of the backlog, so that no connection has more streams than usual."""
SLOTS, RUN_MS = 8, 20
ROUNDS, CALLS = unless_brief((3, 200), (1, 20))
GOAL = 2.0
PATIENCE_S = 120.0
_WAITING = re.compile(r'^edgemesh_queue_requests\{class="batch",executor="raw"\} (\S+)$', re.M)


def _as(tenant: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {tenant}"),)


async def flood(address: str) -> None:
    """Keep the backlog there until killed."""
    asked = compute_pb2.ComputeRequest(algorithm="bench.echo", priority=compute_pb2.PRIORITY_BATCH)

    async def caller(stub: Any) -> None:
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                await stub.Compute(asked, metadata=_as("many"))

    async with contextlib.AsyncExitStack() as stack:
        options = (("grpc.use_local_subchannel_pool", 1),)
        for _ in range(CHANNELS):
            channel = grpc.aio.insecure_channel(address, options=options)
            await stack.enter_async_context(channel)
            stub: Any = compute_pb2_grpc.ComputeServiceStub(channel)
            for _ in range(BACKLOG // CHANNELS):
                stack.push_async_callback(_cancel, asyncio.create_task(caller(stub)))
        await asyncio.Event().wait()


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()


def _waiting(metrics: int) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=10) as answer:
        found = _WAITING.search(answer.read().decode())
    return 0.0 if found is None else float(found[1])


def _until(metrics: int, least: float, most: float = 1e9) -> None:
    """Wait until so many wait."""
    figures.seconds_until(
        lambda: least <= _waiting(metrics) <= most, time.perf_counter(), PATIENCE_S
    )


@asynccontextmanager
async def _gateway() -> AsyncGenerator[tuple[str, int]]:
    """Its address, and its metrics' port."""
    with tempfile.TemporaryDirectory() as folder:
        keys, policy = Path(folder) / "keys.toml", Path(folder) / "policy.toml"
        digests = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("many", "few")}
        keys.write_text(
            "".join(f'[[keys]]\ntenant = "{t}"\nsha256 = "{d}"\n' for t, d in digests.items())
        )
        policy.write_text("[default]\n")
        executor, port, metrics = free_port(), free_port(), free_port()
        raw = [PYTHON, "-m", "bench.targets.raw", str(executor), str(SLOTS), str(RUN_MS)]
        settings = {
            "PORT": str(port),
            "METRICS_PORT": str(metrics),
            "LOG_LEVEL": "WARNING",
            "EXECUTORS": json.dumps({"raw": f"127.0.0.1:{executor}"}),
            "API_KEYS": str(keys),
            "POLICY": str(policy),
            "QUEUE": str(2 * BACKLOG),
            "DATABASE": f"sqlite:///{folder}/gateway.db",
        }
        env = environment(**{f"EDGEMESH_GATEWAY_{name}": value for name, value in settings.items()})
        async with (
            running(raw, environment(), executor),
            running([PYTHON, "-m", "edgemesh_gateway"], env, port),
        ):
            yield f"127.0.0.1:{port}", metrics


async def _p99(stub: Any) -> tuple[float, float]:
    """p50 and p99 of calls one after the other, in ms."""
    asked = compute_pb2.ComputeRequest(algorithm="bench.echo")
    taken: list[float] = []
    for _ in range(CALLS):
        began = time.perf_counter()
        await stub.Compute(asked, metadata=_as("few"), timeout=PATIENCE_S, wait_for_ready=True)
        taken.append((time.perf_counter() - began) * 1e3)
    taken.sort()
    return statistics.median(taken), taken[int(CALLS * 0.99)]


async def measure() -> list[Line]:
    """Rounds of both."""
    alone: list[tuple[float, float]] = []
    beside: list[tuple[float, float]] = []
    async with _gateway() as (address, metrics), grpc.aio.insecure_channel(address) as channel:
        stub: Any = compute_pb2_grpc.ComputeServiceStub(channel)
        await _p99(stub)
        for _ in range(ROUNDS):
            alone.append(await _p99(stub))
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bench.fairness", address, env=environment()
            )
            try:
                await asyncio.to_thread(_until, metrics, 0.99 * (BACKLOG - SLOTS))
                beside.append(await _p99(stub))
            finally:
                process.kill()
                await process.wait()
            await asyncio.to_thread(_until, metrics, 0, 0)
    pairs = list(zip(alone, beside, strict=True))
    ratio = statistics.median(other[1] / one[1] for one, other in pairs)
    lines = [
        Line("interactive alone: p50", statistics.median(p50 for p50, _ in alone), "ms"),
        Line("interactive alone: p99", statistics.median(p99 for _, p99 in alone), "ms"),
        Line(f"beside {BACKLOG:,} of batch: p50", statistics.median(p[0] for p in beside), "ms"),
        Line(f"beside {BACKLOG:,} of batch: p99", statistics.median(p[1] for p in beside), "ms"),
        Line.most("p99, of alone", ratio, "x", GOAL),
    ]
    save("fairness", lines, backlog=BACKLOG, slots=SLOTS, run_ms=RUN_MS, rounds=ROUNDS)
    return lines


if __name__ == "__main__":
    asyncio.run(flood(sys.argv[1]))

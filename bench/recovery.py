"""How soon the mesh is whole again: after a killed worker, a cancelled call, a killed gateway."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from edgemesh.compute.v1 import compute_pb2, compute_pb2_grpc

from bench import figures
from bench.report import Line, save
from edgemesh_local.mesh import Mesh

TIMES = 5
GOALS_MS = {"kill": 1000.0, "cancel": 100.0, "orphans": 1000.0}
ENDLESS: dict[str, tuple[str, dict[str, Any]]] = {
    "cpp": ("cpp.fft", {}),
    "ml": ("ml.generate", {"prompt": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10,", "max_tokens": 2000}),
    "pywasm": ("python.run", {"code": "while True: pass"}),
}
"""Work that outlasts the measurement; cpp has none, so its workers are killed idle."""


def _request(name: str) -> compute_pb2.ComputeRequest:
    algorithm, parameters = ENDLESS[name]
    return compute_pb2.ComputeRequest(
        algorithm=algorithm,
        parameters=json.dumps(parameters),
        limits=compute_pb2.Limits(run_time_ms=60_000),
    )


class Bench:
    """One mesh and its gateway's stub."""

    def __init__(self, mesh: Mesh, channel: grpc.aio.Channel) -> None:
        self.mesh = mesh
        self.stub = compute_pb2_grpc.ComputeServiceStub(channel)

    def workers(self, name: str) -> dict[str, int]:
        """An executor's workers by state."""
        return figures.workers(self.mesh.metrics(name))

    async def settled(self, name: str) -> None:
        """Wait until no worker comes, goes or is busy."""

        def quiet() -> bool:
            now = self.workers(name)
            return now["idle"] > 0 and not any(now[s] for s in ("starting", "stopping", "busy"))

        await _once(quiet)

    async def endless(self, name: str) -> asyncio.Task[compute_pb2.ComputeResponse]:
        """Start endless work; returns when it runs."""
        call = self.stub.Compute(_request(name))

        async def answer() -> compute_pb2.ComputeResponse:
            return await call

        task = asyncio.create_task(answer())
        await _once(lambda: self.workers(name)["busy"] > 0)
        return task

    async def kill(self, name: str) -> float:
        """A worker is killed: seconds until the pool is whole, spare and all."""
        await self.settled(name)
        front = self.mesh.pid(name)
        victim, before = figures.family(front)[1], self.workers(name)
        began = time.perf_counter()
        os.kill(victim, signal.SIGKILL)
        gone = victim

        def whole() -> bool:
            return gone not in figures.family(front) and self.workers(name) == before

        return await _once(whole, began)

    async def cancel(self, name: str) -> float:
        """A running call is cancelled: seconds until no worker is busy."""
        await self.settled(name)
        task = await self.endless(name)
        began = time.perf_counter()
        task.cancel()
        await asyncio.sleep(0)

        def free() -> bool:
            return not self.workers(name)["busy"]

        return await _once(free, began)

    async def orphans(self, names: tuple[str, ...]) -> float:
        """The gateway is killed with a call in each executor: seconds until none is busy."""
        for name in names:
            await self.settled(name)
        tasks = [await self.endless(name) for name in names]
        began = time.perf_counter()
        killed = self.mesh.kill("gateway")

        def free() -> bool:
            return not any(self.workers(name)["busy"] for name in names)

        took = await _once(free, began)
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.mesh.wait_serving("gateway", not_pid=killed)
        return took


async def _once(condition: Callable[[], bool], began: float | None = None) -> float:
    """Wait until something is so; gives the seconds since `began`."""
    start = time.perf_counter() if began is None else began
    return await asyncio.to_thread(figures.seconds_until, condition, start)


async def _median(what: Callable[[], Awaitable[float]]) -> float:
    return statistics.median([await what() for _ in range(TIMES)]) * 1e3


async def measure() -> list[Line]:
    """All three, medians."""
    lines: list[Line] = []
    async with Mesh() as mesh:
        options = (("grpc.max_reconnect_backoff_ms", 200), ("grpc.min_reconnect_backoff_ms", 50))
        async with grpc.aio.insecure_channel(mesh.address("gateway"), options=options) as channel:
            bench = Bench(mesh, channel)
            long = tuple(name for name in mesh.executors if name != "cpp")
            for name in mesh.executors:
                took = await _median(lambda name=name: bench.kill(name))
                what = f"{name}: kill -9 of a worker to the pool whole again"
                lines.append(Line.most(what, took, "ms", GOALS_MS["kill"]))
            for name in long:
                took = await _median(lambda name=name: bench.cancel(name))
                what = f"{name}: cancelled call to free slot, through the gateway"
                lines.append(Line.most(what, took, "ms", GOALS_MS["cancel"]))
            took = await _median(lambda: bench.orphans(long))
            what = "kill -9 of the gateway to no orphaned work"
            lines.append(Line.most(what, took, "ms", GOALS_MS["orphans"]))
    save("recovery", lines, times=TIMES)
    return lines

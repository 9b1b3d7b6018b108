"""`edgemesh.call` from inside a program: what it takes more than the same call from outside.

Rules: the algorithm called does nothing (`bench.echo`), so that what is measured is the way there
and back; from inside and from outside in turn, through the same gateway, medians of each round.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
from edgemesh.compute.v1 import compute_pb2, compute_pb2_grpc

from bench.caller import OPTIONS, request
from bench.process import ROOT, environment, free_port, running
from bench.report import Line
from edgemesh_local.environments import interpreter

ROUNDS, CALLS, AT_ONCE = 7, 200, 16
GRANTED = ("call:bench.echo",)
INSIDE = f"""
import asyncio, statistics, time
import edgemesh

async def together():
    began = time.perf_counter()
    await asyncio.gather(*(edgemesh.call.aio("bench.echo") for _ in range({AT_ONCE})))
    return time.perf_counter() - began

async def often():
    return [await together() for _ in range({CALLS // AT_ONCE})]

taken = []
for _ in range({CALLS}):
    began = time.perf_counter()
    edgemesh.call("bench.echo")
    taken.append(time.perf_counter() - began)
output = [statistics.median(taken) * 1e3, statistics.median(asyncio.run(often())) * 1e3]
"""


async def measure() -> list[Line]:
    """The rows of calls."""
    inside = request("python.run", {"code": INSIDE})
    inside.capabilities.extend(GRANTED)
    found: list[tuple[float, float, float]] = []
    async with _gateway() as address, grpc.aio.insecure_channel(address, options=OPTIONS) as door:
        stub: Any = compute_pb2_grpc.ComputeServiceStub(door)
        for _ in range(ROUNDS + 1):
            hop = await _outside(stub)
            response = await stub.Compute(inside, timeout=60)
            if response.outcome != compute_pb2.OUTCOME_OK:
                raise RuntimeError(f"{response.failure}")
            one, many = json.loads(response.result)
            found.append((hop, one, many))
    del found[0]  # everything is started and warm from here on
    hop = statistics.median(hop for hop, _, _ in found)
    more = statistics.median(one - hop for hop, one, _ in found)
    ratio = statistics.median(many / one for _, one, many in found)
    return [
        Line("a call of a no-op from outside, one caller", hop, "ms"),
        Line.most("edgemesh.call of it from inside: more than that", more, "ms", 0.3),
        Line.most(f"{AT_ONCE} at once by gather: times one", ratio, "x", 4.0),
    ]


async def _outside(stub: Any) -> float:
    nothing = request("bench.echo")
    taken: list[float] = []
    for _ in range(CALLS):
        began = time.perf_counter()
        await stub.Compute(nothing, timeout=10)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e3


@asynccontextmanager
async def _gateway() -> AsyncGenerator[str]:
    """The executor, one of a runner of nothing, and a gateway before both: its address."""
    ports = {name: free_port() for name in ("pywasm", "echo", "gateway")}
    known = {name: f"127.0.0.1:{ports[name]}" for name in ("pywasm", "echo")}
    address = f"127.0.0.1:{ports['gateway']}"
    own = {
        "pywasm": {"GATEWAY": address, "CAPABILITIES": json.dumps(["call:*"])},
        "echo": {"SPARES": "0"},
        "gateway": {"EXECUTORS": json.dumps(known)},
    }
    modules = {
        "pywasm": ("executor_pywasm", "edgemesh_executor_pywasm"),
        "echo": ("gateway", "bench.targets.echo"),
        "gateway": ("gateway", "edgemesh_gateway"),
    }
    async with AsyncExitStack() as stack:
        for name, (folder, module) in modules.items():
            settings = {"PORT": str(ports[name]), "METRICS_PORT": "0", "LOG_LEVEL": "WARNING"}
            settings |= own[name]
            env = {f"EDGEMESH_{name.upper()}_{key}": value for key, value in settings.items()}
            command = [str(interpreter(ROOT / folder)), "-m", module]
            await stack.enter_async_context(running(command, environment(**env), ports[name]))
        async with asyncio.timeout(60):
            await _offered(address)
        yield address


async def _offered(address: str) -> None:
    """Wait until both algorithms are there."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = compute_pb2_grpc.ComputeServiceStub(channel)
        for made in (request("bench.echo"), request("python.run", {"code": "1"})):
            while True:
                try:
                    await stub.Compute(made, timeout=10, wait_for_ready=True)
                    break
                except grpc.aio.AioRpcError:
                    await asyncio.sleep(0.1)

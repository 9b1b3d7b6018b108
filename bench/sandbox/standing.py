"""What calls stand on: a registered algorithm's set-up, and an environment's packages.

Rules: the executor's own clock; an executor with an empty cache, so that what is made is made. The
packages come from the machine's own index, wherever that is.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from edgemesh.compute.v1 import algorithm_pb2, compute_pb2
from edgemesh.executor.v1 import executor_pb2, executor_pb2_grpc

from bench.caller import OPTIONS, request
from bench.report import Line
from edgemesh_local.environments import interpreter
from edgemesh_local.layout import Layout

PACKAGES = ("humanize", "inflection", "parse", "pluggy", "sortedcontainers")
CALLS, NOT_COUNTED, MOMENT_S = 200, 20, 0.001
SET_UP = """
import time
until = time.monotonic() + 2
while time.monotonic() < until: pass
TABLE = {n: str(n) for n in range(100_000)}
def look(n: int) -> str: return TABLE[n]
"""


async def measure() -> list[Line]:
    """All of it."""
    async with _executor() as stub:
        return [*await _program(stub), *await _environment(stub)]


async def _program(stub: Any) -> list[Line]:
    algorithm = algorithm_pb2.Algorithm(name="python.look", version="1", any_inputs=True)
    program = executor_pb2.Program(algorithm=algorithm, code=SET_UP, entry_point="look")
    began = time.perf_counter()
    prepared = await stub.PrepareProgram(executor_pb2.PrepareProgramRequest(program=program))
    taken_s = time.perf_counter() - began
    put = await stub.PutProgram(executor_pb2.PutProgramRequest(program=prepared.program))
    made = request("python.look", {"n": 7})
    ms = await _calls(stub, [made], (("edgemesh-program", put.digest),))
    return [
        Line("registered algorithm, 2 s of set-up: registered", taken_s, "s"),
        Line.most("  a call, executor-side", ms[0], "ms", 1.0),
    ]


async def _environment(stub: Any) -> list[Line]:
    wanted = executor_pb2.PrepareEnvironmentRequest(dependencies=PACKAGES)
    id = ""
    began = time.perf_counter()
    async for response in stub.PrepareEnvironment(wanted):
        id = response.event.environment.id
    first_s = time.perf_counter() - began
    code = "import sortedcontainers\noutput = sortedcontainers.SortedList([2, 1])[0]"
    inside = request("python.run", {"code": code, "environment": id})
    base = request("python.run", {"code": "output = sorted([2, 1])[0]"})
    taken, plain = await _calls(stub, [inside, base])
    return [
        Line.most(f"environment of {len(PACKAGES)} packages: made", first_s, "s", 15.0),
        Line("  a call in it, executor-side", taken, "ms"),
        Line.most("  more than a call in the image", taken - plain, "ms", 1.0),
    ]


async def _calls(
    stub: Any, requests: list[compute_pb2.ComputeRequest], metadata: Any = ()
) -> list[float]:
    """Medians of calls in turn, as the executor tells them, in milliseconds."""
    taken: list[list[float]] = [[] for _ in requests]
    for number in range(CALLS + NOT_COUNTED):
        for made, each in zip(requests, taken, strict=True):
            await asyncio.sleep(MOMENT_S)
            answer = await stub.Execute(made, metadata=metadata, timeout=120)
            if answer.outcome != compute_pb2.OUTCOME_OK:
                raise RuntimeError(f"{made.algorithm}: {answer.failure}")
            if number >= NOT_COUNTED:
                each.append(answer.usage.total_us / 1e3)
    return [statistics.median(each) for each in taken]


@asynccontextmanager
async def _executor() -> AsyncGenerator[Any]:
    layout = Layout.here()
    with tempfile.TemporaryDirectory() as cache:
        env = os.environ | {
            "EDGEMESH_CACHE": cache,
            "EDGEMESH_PYWASM_IMAGES_DIR": str(layout.cache / "images"),
            "EDGEMESH_PYWASM_PORT": "0",
            "EDGEMESH_PYWASM_METRICS_PORT": "0",
            "EDGEMESH_PYWASM_FETCH_NETWORKS": '["0.0.0.0/0", "::/0"]',
        }
        process = await asyncio.create_subprocess_exec(
            *(str(interpreter(layout.root / "executor_pywasm")), "-m", "edgemesh_executor_pywasm"),
            stdout=asyncio.subprocess.PIPE,
            env=env,
        )
        assert process.stdout is not None
        address = json.loads(await process.stdout.readline())["address"]
        try:
            async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
                yield executor_pb2_grpc.ExecutorServiceStub(channel)
        finally:
            process.terminate()
            await process.wait()

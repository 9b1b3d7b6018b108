"""The executor: latencies of one caller, sandboxes per second, many callers and tenants, restarts.

Rules: the executor's own clock where the goal speaks of its side, the client's where it speaks of
clients; cases that are compared are called in turn, some calls each, with a moment between any two,
in which a worker makes its next instance ready.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
from edgemesh.compute.v1 import compute_pb2, compute_pb2_grpc

from bench import figures
from bench.caller import OPTIONS, Caller, request
from bench.process import output
from bench.report import Line
from bench.sandbox.options import DURATION_S, RUNS
from bench.sandbox.programs import NUMPY, PANDAS, PRINT
from edgemesh_local.mesh import Mesh

ROUNDS, BURST, NOT_COUNTED = 20, 15, 3
MOMENT_S = 0.001
CALLERS = 64
TENANTS = 100
TURNS = 10
RESTARTS = 5
LEAVE = request("python.run", {"code": "import os\nos._exit(1)"})

Take = Callable[[], Awaitable[float]]


async def measure() -> list[Line]:
    """All of it."""
    lines: list[Line] = []
    async with Mesh(("pywasm",)) as mesh:
        lines += await _latencies(mesh)
        lines += await _lasting(mesh)
        lines += await _crowd(mesh)
        lines += await _restarts(mesh)
    settings = {"WARM_INSTANCE": "false", "WORKERS": "1", "SPARES": "0"}
    async with Mesh(("pywasm",), settings={"pywasm": settings}) as mesh:
        lines[1:1] = await _none_ready(mesh)
    return lines


async def _latencies(mesh: Mesh) -> list[Line]:
    async with (
        grpc.aio.insecure_channel(mesh.address("pywasm"), options=OPTIONS) as direct,
        grpc.aio.insecure_channel(mesh.address("gateway"), options=OPTIONS) as front,
    ):
        executor = Caller(direct)
        gateway = compute_pb2_grpc.ComputeServiceStub(front)
        made = request("python.run", {"code": PRINT.code})

        async def whole(call: Callable[..., Awaitable[compute_pb2.ComputeResponse]]) -> float:
            began = time.perf_counter()
            answer = await call(made)
            taken = (time.perf_counter() - began) * 1e3
            if answer.stdout != PRINT.said:
                raise RuntimeError(f"a wrong answer: {answer}")
            return taken

        cases: dict[str, Take] = {
            program.name: _inside(executor, program.code) for program in (PRINT, NUMPY, PANDAS)
        }
        cases["direct"] = lambda: whole(executor.call)
        cases["gateway"] = lambda: whole(gateway.Compute)
        taken = await _turns(cases)
    named = f"{PRINT.name}, client to client:"
    return [
        Line.most(f"executor, {PRINT.name}: warmed", taken[PRINT.name], "ms", 0.30),
        Line.most(f"executor, {NUMPY.name}: warmed", taken[NUMPY.name], "ms", 0.6),
        Line.most(f"executor, {PANDAS.name}: warmed", taken[PANDAS.name], "ms", 5.0),
        Line(f"{named} with the executor", taken["direct"], "ms"),
        Line.most(f"{named} through gateway and executor", taken["gateway"], "ms", 1.8),
    ]


def _inside(executor: Caller, code: str) -> Take:
    made = request("python.run", {"code": code})

    async def take() -> float:
        return (await executor.call(made)).usage.total_us / 1e3

    return take


async def _turns(cases: dict[str, Take]) -> dict[str, float]:
    """The cases in turn; the median over the rounds of each."""
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, take in cases.items():
            burst: list[float] = []
            for _ in range(NOT_COUNTED + BURST):
                await asyncio.sleep(MOMENT_S)
                burst.append(await take())
            taken[name].append(statistics.median(burst[NOT_COUNTED:]))
    return {name: statistics.median(each) for name, each in taken.items()}


async def _none_ready(mesh: Mesh) -> list[Line]:
    """One worker that makes nothing ready: it restores its instance in the call, or makes one."""
    async with grpc.aio.insecure_channel(mesh.address("pywasm"), options=OPTIONS) as channel:
        executor = Caller(channel)
        inside = _inside(executor, PRINT.code)

        async def made_anew() -> float:
            await executor.ended(LEAVE)
            return await inside()

        taken = await _turns({"restored": inside, "made": made_anew})
    return [
        Line(f"executor, {PRINT.name}: restored in the call", taken["restored"], "ms"),
        Line.most(f"executor, {PRINT.name}: none ready", taken["made"], "ms", 1.0),
    ]


async def _load(mesh: Mesh, *words: object) -> dict[str, Any]:
    address = ("--address", mesh.address("pywasm"), "--callers", str(CALLERS))
    return await output("bench.sandbox.load", *address, *map(str, words))


async def _lasting(mesh: Mesh) -> list[Line]:
    family = figures.family(mesh.pid("pywasm"))
    front, workers = family[:1], family[1:]
    before = figures.cpu_seconds(front), figures.cpu_seconds(workers)
    found = await _load(mesh, "--seconds", DURATION_S)
    runs = found["runs"]
    costs = {
        "client": found["cpu_s"],
        "front": figures.cpu_seconds(front) - before[0],
        "workers": figures.cpu_seconds(workers) - before[1],
    }
    what = f"executor, {CALLERS} callers for {DURATION_S} s, client included: sandboxes"
    return [
        Line.least(what, found["per_s"], "/s", 900),
        Line.most("  errors", found["errors"], "", 0),
        *(
            Line(f"  processor time of one: {name}", cpu / runs * 1e3, "ms")
            for name, cpu in costs.items()
        ),
    ]


async def _crowd(mesh: Mesh) -> list[Line]:
    """One tenant and a hundred by turns, in slices of the runs."""
    family = figures.family(mesh.pid("pywasm"))
    slice_runs = max(RUNS // (2 * TURNS), CALLERS)
    await _load(mesh, "--runs", slice_runs)
    before = _held(family)
    errors = runs = 0
    pairs: list[float] = []
    for _ in range(TURNS):
        one = await _load(mesh, "--runs", slice_runs)
        many = await _load(mesh, "--runs", slice_runs, "--tenants", TENANTS)
        errors += one["errors"] + many["errors"]
        runs += one["runs"] + many["runs"]
        pairs.append(many["per_s"] / one["per_s"])
    whole = figures.family(mesh.pid("pywasm")) == family
    return [
        Line.most(f"executor, {CALLERS} callers, {runs} runs: errors", errors, "", 0),
        Line.least(
            f"  {TENANTS} tenants by turns: runs/s of one's", statistics.median(pairs), "x", 0.95
        ),
        Line.most("  memory of front and workers, of before", _held(family) / before, "x", 1.05),
        Line.least("  the same processes at the end", float(whole), "", 1),
    ]


def _held(pids: list[int]) -> int:
    """kB that processes hold beside files."""
    total = 0
    for pid in pids:
        status = Path(f"/proc/{pid}/status").read_text()
        total += int(status.partition("RssAnon:")[2].split()[0])
    return total


async def _restarts(mesh: Mesh) -> list[Line]:
    taken: list[float] = []
    for _ in range(RESTARTS):
        await mesh.stop_service("pywasm")
        began = time.perf_counter()
        await mesh.start_service("pywasm")
        taken.append(time.perf_counter() - began)
    return [Line.most("executor: to SERVING", statistics.median(taken), "s", 1.0)]

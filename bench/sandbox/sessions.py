"""Sessions: asleep, awake, forked in the library; a call of one, and 10,000, in an executor."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
from edgemesh.compute.v1 import session_pb2, session_pb2_grpc

from bench.caller import OPTIONS, Caller, request
from bench.process import ROOT
from bench.report import Line
from edgemesh_local.environments import interpreter
from edgemesh_local.layout import Layout
from edgemesh_local.mesh import Mesh

ASLEEP = Path(__file__).with_name("asleep.py")
CALLS = 200
MANY = 10_000
AT_ONCE = 8
SETTLED_S = 6.0
STATE = """
import numpy as np, pandas as pd
class Account:
    limit = 7
def counting():
    yield from range(100)
numbers = counting()
next(numbers)
frame = pd.DataFrame({"a": range(1000)})
x = 1
"""


async def measure() -> list[Line]:
    """The library, then the executor."""
    library = await _library()
    lines = [
        Line.most("session: to sleep", library["sleep"], "ms", 2.0),
        Line.most("session: awake again", library["wake"], "ms", 2.0),
        Line.most("session: forked", library["fork"], "ms", 4.0),
        Line("session: a call in an awake one", library["call"], "ms"),
        Line("session: asleep, as bytes", library["bytes"] / 1e3, "kB"),
        Line("session: asleep, packed", library["packed"] / 1e3, "kB"),
        Line.most("set-up of 2 s, run once: a call on it", library["on"], "ms", 1.0),
    ]
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "SESSION_DIR": folder,
            "MAX_SESSIONS": str(MANY + 1),
            "MAX_SESSIONS_BYTES": str(64 << 30),
        }
        async with Mesh(("pywasm",), settings={"pywasm": settings}) as mesh:
            lines += await _executor(mesh)
        began = time.perf_counter()
        async with Mesh(("pywasm",), settings={"pywasm": settings}) as mesh:
            lines.append(Line(f"executor: started beside {MANY}", time.perf_counter() - began, "s"))
            lines.append(await _woken(mesh))
    return lines


async def _library() -> Mapping[str, Any]:
    env = {**os.environ, "EDGEMESH_CACHE": str(Layout.here().cache)}
    process = await asyncio.create_subprocess_exec(
        str(interpreter(ROOT / "executor_pywasm")),
        str(ASLEEP),
        STATE,
        env=env,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{ASLEEP.name} ended with status {process.returncode}")
    return json.loads(said)


async def _executor(mesh: Mesh) -> list[Line]:
    async with grpc.aio.insecure_channel(mesh.address("pywasm"), options=OPTIONS) as channel:
        caller, service = Caller(channel), session_pb2_grpc.SessionServiceStub(channel)
        await caller.call(_of("first", STATE))
        counting = _of("first", "x += 1; x")
        taken = [(await caller.call(counting)).usage.total_us / 1e3 for _ in range(CALLS)]
        await asyncio.sleep(SETTLED_S)
        numbers = iter(range(MANY))
        began = time.perf_counter()

        async def fork() -> None:
            for number in numbers:
                await service.ForkSession(
                    session_pb2.ForkSessionRequest(session_id="first", fork_id=f"fork-{number}")
                )

        await asyncio.gather(*(fork() for _ in range(AT_ONCE)))
        forking = (time.perf_counter() - began) / MANY * 1e3
        told = await service.GetSession(session_pb2.GetSessionRequest(session_id="fork-7"))
    return [
        Line.most("executor: a call in an awake session", statistics.median(taken), "ms", 0.6),
        Line(f"executor: a fork, of {MANY}", forking, "ms"),
        Line("executor: each on disk", told.session.stored_bytes / 1e3, "kB"),
    ]


async def _woken(mesh: Mesh) -> Line:
    async with grpc.aio.insecure_channel(mesh.address("pywasm"), options=OPTIONS) as channel:
        caller = Caller(channel)
        taken: list[float] = []
        for number in range(0, MANY, MANY // 50):
            answer = await caller.call(_of(f"fork-{number}", "x"))
            taken.append(answer.usage.total_us / 1e3)
    return Line("executor: the first call in one that was asleep", statistics.median(taken), "ms")


def _of(session: str, code: str) -> Any:
    made = request("python.run", {"code": code})
    made.session_id = session
    return made

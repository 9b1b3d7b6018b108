"""How soon a plugin is served whose file is copied to the folder, and what calls in flight notice.

Rules: the executor serves another plugin meanwhile, and a thousand calls of it are in flight as the
file comes; the clock starts when the file is in place, and ends with the new plugin's first answer.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import grpc
from edgemesh.compute.v1 import compute_pb2
from edgemesh.executor.v1 import executor_pb2_grpc

from bench.caller import OPTIONS
from bench.process import ROOT
from bench.report import Line
from edgemesh_local.mesh import Mesh

BUILT = ROOT / "executor_cpp/.venv/edgemesh/testing-plugins"
IN_FLIGHT = 1000
BOUND_S = 30.0
GOAL_S = 1.0
OLD = compute_pb2.ComputeRequest(algorithm="cpp.test_nothing")
NEW = compute_pb2.ComputeRequest(algorithm="cpp.test_progress")


async def measure() -> list[Line]:
    """One plugin comes while a thousand calls of another are in flight."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "plugins"
        folder.mkdir()
        _place("timing", folder)
        settings = {
            "PLUGINS_DIR": str(folder),
            "STORE_DIR": str(Path(name) / "store"),
            "QUEUE": str(2 * IN_FLIGHT),
        }
        async with (
            Mesh(("cpp",), settings={"cpp": settings}) as mesh,
            grpc.aio.insecure_channel(mesh.address("cpp"), options=OPTIONS) as channel,
        ):
            stub: Any = executor_pb2_grpc.ExecutorServiceStub(channel)
            await stub.Execute(OLD, timeout=BOUND_S)
            flying = [asyncio.ensure_future(_ends(stub)) for _ in range(IN_FLIGHT)]
            await asyncio.sleep(0)  # all are on their way
            _place("testing", folder)
            began = time.perf_counter()
            await _served(stub)
            took = time.perf_counter() - began
            failed = IN_FLIGHT - sum(await asyncio.gather(*flying))
    return [
        Line.most("hot load: served after", took, "s", GOAL_S),
        Line.most(f"  failed of {IN_FLIGHT} in flight", failed, "", 0),
    ]


def _place(plugin: str, folder: Path) -> None:
    """The manifest first: a library without it is not looked at."""
    for suffix in (".json", ".so"):
        shutil.copy(BUILT / f"{plugin}{suffix}", folder / f".{plugin}{suffix}")
        (folder / f".{plugin}{suffix}").rename(folder / f"{plugin}{suffix}")


async def _ends(stub: Any) -> bool:
    try:
        response = await stub.Execute(OLD, timeout=BOUND_S)
    except grpc.aio.AioRpcError:
        return False
    return response.outcome == compute_pb2.OUTCOME_OK


async def _served(stub: Any) -> None:
    async with asyncio.timeout(BOUND_S):
        while True:
            try:
                await stub.Execute(NEW, timeout=BOUND_S)
            except grpc.aio.AioRpcError as error:
                if error.code() not in (
                    grpc.StatusCode.NOT_FOUND,
                    grpc.StatusCode.UNAVAILABLE,
                ):
                    raise
                await asyncio.sleep(0.005)
            else:
                return

"""What lies around a plugin: a call of nothing, and a hundred megabytes in and out.

Rules: the executor is called directly, by one caller that waits for each answer; what is compared
takes turns, but for what is large. The copying plugin says itself how long it copied: what is over
that is the wall.
"""

from __future__ import annotations

import mmap
import os
import secrets
import statistics
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from edgemesh.compute.v1 import compute_pb2, shared_memory_pb2, shared_memory_pb2_grpc, tensor_pb2
from edgemesh.executor.v1 import executor_pb2_grpc

from bench.caller import OPTIONS
from bench.process import ROOT, environment, free_port, running
from bench.report import Line
from edgemesh_local.environments import interpreter
from edgemesh_local.mesh import Mesh

EXECUTE = "/edgemesh.executor.v1.ExecutorService/Execute"
NOTHING = compute_pb2.ComputeRequest(algorithm="cpp.test_nothing").SerializeToString()
CALLS, ROUNDS = 200, 10
WARM_UP, CALLED = 4, 16
"""Of the large ones: each worker meets the memory for the first time once."""
BYTES = 100_000_000
SPAN = (BYTES + 4095) & -4096
REGION = "bench"
SHM = Path("/dev/shm")
NOTHING_GOAL_MS, SHARED_GOAL_MS = 0.15, 10.0


async def measure() -> list[Line]:
    """A call of nothing, then of much."""
    port = free_port()
    raw = [str(interpreter(ROOT / "gateway")), "-m", "bench.targets.raw", str(port)]
    limits = {"MAX_REQUEST_BYTES": str(256 << 20), "MAX_RESPONSE_BYTES": str(256 << 20)}
    plugins = ROOT / "executor_cpp/.venv/edgemesh"
    folders = os.pathsep.join(str(plugins / name) for name in ("plugins", "testing-plugins"))
    async with (
        running(raw, environment(), port),
        Mesh(("cpp",), settings={"cpp": {"PLUGINS_DIR": folders, **limits}}) as mesh,
        _channel(f"127.0.0.1:{port}") as bare,
        _channel(mesh.address("cpp")) as executor,
    ):
        return [*await _nothing(bare, executor), *await _much(executor)]


async def _nothing(bare: grpc.aio.Channel, executor: grpc.aio.Channel) -> list[Line]:
    ends: tuple[Any, Any] = (bare, executor)
    calls = [end.unary_unary(EXECUTE) for end in ends]
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(1 + ROUNDS):
        for call, times in zip(calls, taken, strict=True):
            times += [await _ms(lambda call=call: call(NOTHING)) for _ in range(CALLS)]
    without, through = (statistics.median(times[CALLS:]) for times in taken)
    return [
        Line("bare grpcio aio call", without, "ms"),
        Line("no-op plugin, direct", through, "ms"),
        Line.most("  over the bare call", through - without, "ms", NOTHING_GOAL_MS),
    ]


async def _much(channel: grpc.aio.Channel) -> list[Line]:
    stub = executor_pb2_grpc.ExecutorServiceStub(channel)
    with _memory() as (name, memory):
        x = np.frombuffer(memory, "float64", BYTES // 8)
        x[:] = np.random.default_rng(1).random(BYTES // 8)
        y = np.frombuffer(memory, "float64", BYTES // 8, SPAN)
        await shared_memory_pb2_grpc.SharedMemoryServiceStub(channel).RegisterSharedMemory(
            shared_memory_pb2.RegisterSharedMemoryRequest(
                name=REGION, shm_name=name, size=2 * SPAN, owner_pid=os.getpid()
            )
        )
        sent, shared = _copy(data=x.tobytes()), _copy(shared_memory=_place(0))
        shared.outputs_to["y"].CopyFrom(_place(SPAN))
        # One after the other: what a message of 100 MB leaves to be freed is no wall of another's.
        over = [await _over(lambda: stub.Execute(shared, timeout=60)) for _ in range(CALLED)]
        through = [await _ms(lambda: stub.Execute(sent, timeout=60)) for _ in range(CALLED)]
        copied: list[float] = []
        for _ in range(CALLED):
            began = time.perf_counter()
            np.copyto(y, x)
            copied.append((time.perf_counter() - began) * 1e3)
        del x, y
    memcpy = statistics.median(copied[WARM_UP:])
    figures = [statistics.median(times[WARM_UP:]) for times in (over, through)]
    return [
        Line.most("100 MB in shared memory, over", figures[0], "ms", SHARED_GOAL_MS),
        Line("100 MB by gRPC, in and out", figures[1], "ms"),
        Line("  of a memcpy of 100 MB", figures[1] / memcpy, "x"),
        Line("memcpy of 100 MB", memcpy, "ms"),
    ]


async def _over(call: Callable[[], Awaitable[Any]]) -> float:
    """What a call takes beside the plugin's own copying."""
    began = time.perf_counter()
    response: compute_pb2.ComputeResponse = await call()
    took = (time.perf_counter() - began) * 1e3
    if response.outcome != compute_pb2.OUTCOME_OK:
        raise RuntimeError(f"{response.failure}")
    seconds = float(response.result.rpartition(":")[2].rstrip("} "))
    return took - seconds * 1e3


async def _ms(call: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    await call()
    return (time.perf_counter() - began) * 1e3


def _copy(**storage: Any) -> compute_pb2.ComputeRequest:
    request = compute_pb2.ComputeRequest(algorithm="cpp.test_copy")
    request.inputs["x"].CopyFrom(
        tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_FLOAT64, shape=[BYTES // 8], **storage)
    )
    return request


def _place(offset: int) -> tensor_pb2.SharedMemory:
    return tensor_pb2.SharedMemory(region=REGION, offset=offset, size=BYTES)


@contextmanager
def _memory() -> Generator[tuple[str, mmap.mmap]]:
    path = SHM / f"edgemesh-bench-{secrets.token_hex(4)}"
    with path.open("xb+") as file:
        try:
            file.truncate(2 * SPAN)
            yield path.name, mmap.mmap(file.fileno(), 2 * SPAN)
        finally:
            path.unlink()


@asynccontextmanager
async def _channel(address: str) -> AsyncGenerator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
        yield channel

"""A gateway on a free port over fake executors, for the tests."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
from edgemesh.compute.v1 import (
    algorithm_pb2_grpc,
    compute_pb2,
    compute_pb2_grpc,
    tensor_pb2,
)
from google.protobuf import message
from google.rpc import error_details_pb2, status_pb2  # pyright: ignore[reportMissingTypeStubs]
from grpc_health.v1 import health_pb2, health_pb2_grpc

from edgemesh_gateway.jobs.ids import now_ms
from edgemesh_gateway.service import serve
from edgemesh_gateway.settings import GatewaySettings
from mesh_service.server import MeshServer

FAKE = Path(__file__).with_name("fake_executor.py")
DATAPATH = "EDGEMESH_GATEWAY_DATAPATH"
DATABASE = "EDGEMESH_GATEWAY_DATABASE"
UP = "edgemesh_replica_up"
PATIENCE_S = 20.0
"""No test waits longer for anything; none waits that long when all is well."""
NOT_YET = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.NOT_FOUND)
"""What a gateway says of an algorithm until its executor has told it what it offers."""


class House:
    """A running gateway and a channel to it."""

    def __init__(self, channel: grpc.aio.Channel, mesh: MeshServer) -> None:
        self.channel = channel
        self.mesh = mesh
        self.compute: Any = compute_pb2_grpc.ComputeServiceStub(channel)
        self.algorithms: Any = algorithm_pb2_grpc.AlgorithmServiceStub(channel)

    async def call(
        self, *, timeout: float | None = PATIENCE_S, **fields: Any
    ) -> compute_pb2.ComputeResponse:
        """Compute."""
        response: compute_pb2.ComputeResponse = await self.compute.Compute(
            request(**fields), timeout=timeout
        )
        return response

    async def refusal(self, raw: bytes | None = None, /, **fields: Any) -> Refusal:
        """What a request is refused with."""
        ask = raw_method(self.channel, "edgemesh.compute.v1.ComputeService/Compute")
        if raw is None:
            raw = request(**fields).SerializeToString()
        return await refused(ask(raw, timeout=PATIENCE_S))

    async def serves(self, algorithm: str) -> None:
        """Wait until it answers for an algorithm, which may have been offered this moment."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await self.call(algorithm=algorithm)
                except grpc.aio.AioRpcError as error:
                    if error.code() not in NOT_YET:
                        raise
                else:
                    return


def raw_method(channel: grpc.aio.Channel, method: str) -> Any:
    """A method of bytes in, bytes out."""
    untyped: Any = channel
    return untyped.unary_unary(f"/{method}")


def answered(error: grpc.aio.AioRpcError) -> bool:
    """Whether a failure came from the gateway, and not from the caller's own clock."""
    return any(key == "grpc-status-details-bin" for key, _ in error.trailing_metadata() or ())


class Refusal:
    """A failed call, its rich status opened."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        self.code = error.code()
        self.message = error.details() or ""
        status = status_pb2.Status()
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                status.ParseFromString(value)  # pyright: ignore[reportArgumentType]
        info = unpacked(status, error_details_pb2.ErrorInfo())
        assert info is not None, f"no ErrorInfo: {error!r}"
        assert info.domain == "edgemesh"
        assert status.message == self.message
        self.reason: str = info.reason
        self.metadata: dict[str, str] = dict(info.metadata)
        bad = unpacked(status, error_details_pb2.BadRequest())
        self.violations: dict[str, str] = (
            {v.field: v.description for v in bad.field_violations} if bad else {}
        )
        retry = unpacked(status, error_details_pb2.RetryInfo())
        quota = unpacked(status, error_details_pb2.QuotaFailure())
        self.quotas: dict[str, str] = (
            {v.subject: v.description for v in quota.violations} if quota else {}
        )
        self.delay_s: float | None = (
            retry.retry_delay.ToMilliseconds() / 1e3 if retry is not None else None
        )


def unpacked(status: Any, into: Any) -> Any:
    assert isinstance(into, message.Message)
    for detail in status.details:
        if detail.Unpack(into):
            return into
    return None


async def refused(call: Any) -> Refusal:
    """The refusal that a call must end in."""
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        return Refusal(error)
    raise AssertionError(f"not refused: {answer!r}"[:500])


def request(
    algorithm: str = "fake.echo", do: str | None = None, **fields: Any
) -> compute_pb2.ComputeRequest:
    if do is not None:
        fields["parameters"] = json.dumps({"do": do})
    return compute_pb2.ComputeRequest(algorithm=algorithm, **fields)


def tensor(
    shape: tuple[int, ...] = (2,), dtype: int = tensor_pb2.DATA_TYPE_FLOAT32, data: bytes = bytes(8)
) -> tensor_pb2.Tensor:
    return tensor_pb2.Tensor(dtype=tensor_pb2.DataType.ValueType(dtype), shape=shape, data=data)


@asynccontextmanager
async def serving(
    executors: Mapping[str, int | Sequence[int]],
    *,
    absent: str = "",
    clock: Callable[[], int] = now_ms,
    **settings: Any,
) -> AsyncGenerator[MeshServer]:
    """A gateway over executors by name and port, or ports of replicas, all there by then but the
    `absent` one. `clock`: what its schedules go by.

    A gateway serves as soon as each executor has described itself or was found to be away, and on
    a busy machine one that is there may be found away at first.
    """
    addresses = {
        name: at(ports) if isinstance(ports, int) else [at(port) for port in ports]
        for name, ports in executors.items()
    }
    kept = tempfile.TemporaryDirectory()
    given: dict[str, Any] = {
        "database": os.environ.get(DATABASE, f"sqlite:///{kept.name}/gateway.db"),
        "port": 0,
        "metrics_port": 0,
        "drain_s": 2.0,
        "executors": addresses,
        **settings,
    }
    parsed = GatewaySettings(**given)
    parsed.check()
    mesh = MeshServer(parsed)
    stopping = asyncio.Event()
    running = asyncio.create_task(serve(parsed, mesh, stopping, clock))

    def up(executor: str) -> bool:
        ports = executors[executor]
        labels = [
            {"executor": executor, "address": at(port)}
            for port in ([ports] if isinstance(ports, int) else ports)
        ]
        return all(mesh.metrics.registry.get_sample_value(UP, each) for each in labels)

    try:
        await eventually(lambda: bool(mesh.address) or running.done())
        if running.done():
            await running
        await eventually(lambda: all(up(name) for name in executors if name != absent))
        yield mesh
    finally:
        stopping.set()
        await running
        kept.cleanup()


@asynccontextmanager
async def house(
    executors: Mapping[str, int | Sequence[int]], **given: Any
) -> AsyncGenerator[House]:
    """The same with a channel to it, once its health says that it serves."""
    async with (
        serving(executors, **given) as mesh,
        grpc.aio.insecure_channel(
            mesh.address, options=[("grpc.max_send_message_length", -1)]
        ) as channel,
    ):
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S)
        async for health in watch:
            if health.status == health_pb2.HealthCheckResponse.SERVING:
                break
        watch.cancel()
        yield House(channel, mesh)


def at(port: int) -> str:
    """The address of an executor."""
    return f"127.0.0.1:{port}"


def http(mesh: MeshServer, **headers: str) -> httpx.AsyncClient:
    """A client of a gateway's REST."""
    return httpx.AsyncClient(
        base_url=f"http://{mesh.http_address}", timeout=PATIENCE_S, headers=headers
    )


async def eventually(true: Callable[[], bool]) -> None:
    """Return as soon as it is true; for what gives no sign of its own."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await asyncio.sleep(0.002)


def figure(gate: House, name: str, executor: str = "fake") -> float | None:
    """A metric of an executor."""
    return gate.mesh.metrics.registry.get_sample_value(name, {"executor": executor})


class Process:
    """A fake executor in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port

    @classmethod
    async def start(cls, port: int = 0, *arguments: str) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(FAKE),
            f"--port={port}",
            *arguments,
            stdout=asyncio.subprocess.PIPE,
        )
        started = cls(process, port)
        started.port = (await started.told("listening"))["port"]
        return started

    async def told(self, event: str) -> dict[str, Any]:
        """Wait for an event on its stdout."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            while line := await self.process.stdout.readline():
                fields: dict[str, Any] = json.loads(line)
                if fields["event"] == event:
                    return fields
        raise AssertionError(f"ended without telling of {event}")

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

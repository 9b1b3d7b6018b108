"""One caller of one executor, and the executor's own clock over some calls."""

from __future__ import annotations

import json
import statistics
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import grpc
from edgemesh.compute.v1 import compute_pb2, tensor_pb2
from edgemesh.executor.v1 import executor_pb2_grpc

from edgemesh_local.mesh import Mesh

OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
PATIENCE_S = 300.0
"""For one call, on a machine that others use too."""


class Caller:
    """Calls one after the other."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = executor_pb2_grpc.ExecutorServiceStub(channel)

    async def call(self, request: compute_pb2.ComputeRequest) -> compute_pb2.ComputeResponse:
        """One call that must end well."""
        response = await self.ended(request)
        if response.outcome != compute_pb2.OUTCOME_OK:
            raise RuntimeError(f"{request.algorithm}: {response.failure}")
        return response

    async def ended(self, request: compute_pb2.ComputeRequest) -> compute_pb2.ComputeResponse:
        """One call, however it ends."""
        return await self._stub.Execute(request, timeout=PATIENCE_S)

    async def total_ms(
        self, request: compute_pb2.ComputeRequest, calls: int, warm_up: int = 5
    ) -> list[float]:
        """From arrival at the executor until its answer, sorted."""
        taken = [(await self.call(request)).usage.total_us / 1e3 for _ in range(warm_up + calls)]
        return sorted(taken[warm_up:])


@asynccontextmanager
async def caller(executor: str) -> AsyncGenerator[Caller]:
    """A mesh with that executor, called directly."""
    async with (
        Mesh((executor,)) as mesh,
        grpc.aio.insecure_channel(mesh.address(executor), options=OPTIONS) as channel,
    ):
        yield Caller(channel)


def request(
    algorithm: str,
    parameters: Mapping[str, Any] | None = None,
    inputs: Mapping[str, tensor_pb2.Tensor] | None = None,
) -> compute_pb2.ComputeRequest:
    """A ComputeRequest."""
    made = compute_pb2.ComputeRequest(
        algorithm=algorithm, parameters=json.dumps(parameters) if parameters else ""
    )
    for name, value in (inputs or {}).items():
        made.inputs[name].CopyFrom(value)
    return made


def p50(taken: list[float]) -> float:
    """The median."""
    return statistics.median(taken)

"""Calling a gateway or an executor, and reading refusals."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy.typing as npt
import pytest
from edgemesh.compute.v1 import (
    algorithm_pb2_grpc,
    compute_pb2,
    compute_pb2_grpc,
    environment_pb2_grpc,
    session_pb2_grpc,
    shared_memory_pb2_grpc,
)
from edgemesh.executor.v1 import executor_pb2_grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2_grpc

from support import arrays, elsewhere

OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 50),
)


class Peer:
    """One address and its stubs."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.compute = compute_pb2_grpc.ComputeServiceStub(channel)
        self.algorithms = algorithm_pb2_grpc.AlgorithmServiceStub(channel)
        self.environments = environment_pb2_grpc.EnvironmentServiceStub(channel)
        self.shared_memory = shared_memory_pb2_grpc.SharedMemoryServiceStub(channel)
        self.sessions = session_pb2_grpc.SessionServiceStub(channel)
        self.executor = executor_pb2_grpc.ExecutorServiceStub(channel)
        self.health: Any = health_pb2_grpc.HealthStub(channel)


@asynccontextmanager
async def connect(address: str) -> AsyncGenerator[Peer]:
    """A channel of its own to `address`; closed with what still runs on it."""
    async with grpc.aio.insecure_channel(
        address, options=OPTIONS, interceptors=elsewhere.KEYED
    ) as channel:
        yield Peer(channel)


def request(
    algorithm: str,
    parameters: Mapping[str, Any] | None = None,
    inputs: Mapping[str, npt.NDArray[Any]] | None = None,
    **fields: Any,
) -> compute_pb2.ComputeRequest:
    """A ComputeRequest; `fields` are its others."""
    made = compute_pb2.ComputeRequest(
        algorithm=algorithm,
        parameters="" if parameters is None else json.dumps(parameters),
        **fields,
    )
    for name, value in (inputs or {}).items():
        made.inputs[name].CopyFrom(arrays.tensor(value))
    return made


@dataclass
class Refusal:
    """What a failed RPC said."""

    code: grpc.StatusCode
    message: str
    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    """Field path → what was expected."""
    retry_after_s: float | None = None


def refusal(error: grpc.aio.AioRpcError) -> Refusal:
    """Code and rich details of a failed RPC."""
    refused = Refusal(error.code(), error.details() or "")
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            for detail in status_pb2.Status.FromString(value).details:
                _read(refused, detail)
    return refused


def _read(refused: Refusal, detail: Any) -> None:
    info = error_details_pb2.ErrorInfo()
    bad = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    if detail.Unpack(info):
        assert info.domain == "edgemesh"
        refused.reason, refused.metadata = info.reason, dict(info.metadata)
    elif detail.Unpack(bad):
        refused.fields = {v.field: v.description for v in bad.field_violations}
    elif detail.Unpack(retry):
        refused.retry_after_s = retry.retry_delay.ToTimedelta().total_seconds()


async def refused(call: Any) -> Refusal:
    """The refusal of a call that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    return refusal(failed.value)


def outcome(response: compute_pb2.ComputeResponse) -> str:
    """`OK`, `TIMEOUT`, …"""
    return compute_pb2.Outcome.Name(response.outcome).removeprefix("OUTCOME_")

"""Retries, deadlines and credentials, against a real server that refuses as it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import compute_pb2
from google.protobuf import duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from edgemesh_client import (
    AsyncClient,
    Client,
    Exhausted,
    Internal,
    MeshError,
    Retries,
    Unavailable,
)


class Refusing:
    """A server that gives these refusals one after the other, then answers."""

    def __init__(self) -> None:
        self.refusals: list[tuple[grpc.StatusCode, str, float | None]] = []
        self.calls = 0
        self.bearers: list[str | bytes | None] = []
        self.address = ""

    async def compute(self, _: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        self.calls += 1
        metadata = dict(context.invocation_metadata() or ())
        self.bearers.append(metadata.get("authorization"))
        if self.refusals:
            code, reason, delay = self.refusals.pop(0)
            status = status_pb2.Status(code=code_pb2.Code.Value(code.name), message="no")
            if reason:
                info = error_details_pb2.ErrorInfo(reason=reason, domain="edgemesh")
                status.details.add().Pack(info)
            if delay is not None:
                wait = duration_pb2.Duration(nanos=int(delay * 1e9))
                status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=wait))
            trailing = (("grpc-status-details-bin", status.SerializeToString()),)
            await context.abort(code, "no", trailing)
        return compute_pb2.ComputeResponse(outcome=compute_pb2.OUTCOME_OK).SerializeToString()


@pytest.fixture
async def server() -> AsyncIterator[Refusing]:
    refusing, served = Refusing(), grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(refusing.compute)
    service = "edgemesh.compute.v1.ComputeService"
    served.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(service, {"Compute": handler})]
    )
    refusing.address = f"127.0.0.1:{served.add_insecure_port('127.0.0.1:0')}"
    await served.start()
    yield refusing
    await served.stop(None)


FULL = (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL", 0.001)
LOST = (grpc.StatusCode.UNAVAILABLE, "EXECUTOR_LOST", 0.001)
QUICK = Retries(first_s=0.001, most_s=0.01)


async def calls_made(
    server: Refusing, refusals: Sequence[Any], retries: Retries = QUICK, **said: Any
) -> tuple[int, MeshError | None]:
    server.refusals, server.calls = list(refusals), 0
    async with AsyncClient(server.address, retries=retries) as client:
        try:
            await client.compute("cpp.fft", **said)
        except MeshError as error:
            return server.calls, error
    return server.calls, None


async def test_what_did_not_begin_is_made_again_after_the_meshs_own_delay(server: Refusing) -> None:
    assert await calls_made(server, [FULL, FULL]) == (3, None)


async def test_attempts_are_bounded_and_the_last_error_is_raised(server: Refusing) -> None:
    calls, error = await calls_made(server, [FULL] * 9)
    assert (calls, type(error)) == (4, Exhausted)
    assert error is not None
    assert (error.reason, error.retry_after_s) == ("QUEUE_FULL", 0.001)


async def test_what_may_have_begun_is_not_made_again(server: Refusing) -> None:
    for refusal in (LOST, (grpc.StatusCode.UNAVAILABLE, "", None)):
        calls, error = await calls_made(server, [refusal])
        assert (calls, type(error)) == (1, Unavailable)
    calls, error = await calls_made(server, [(grpc.StatusCode.INTERNAL, "INTERNAL", None)])
    assert (calls, type(error)) == (1, Internal)


async def test_a_delay_beyond_the_deadline_is_not_waited_for(server: Refusing) -> None:
    late = (grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED", 0.9)
    calls, error = await calls_made(server, [late], timeout=0.5)
    assert (calls, type(error)) == (1, Exhausted)


async def test_a_spent_budget_ends_retries_of_all_calls(server: Refusing) -> None:
    retries = Retries(first_s=0.001, budget=1.0)
    calls, error = await calls_made(server, [FULL] * 9, retries)
    assert (calls, type(error)) == (2, Exhausted)


async def test_the_key_is_shown(server: Refusing) -> None:
    async with AsyncClient(server.address, api_key="em_k") as client:
        await client.compute("cpp.fft")
    assert server.bearers == ["Bearer em_k"]


def test_a_mesh_that_is_not_there_is_unavailable() -> None:
    with Client("127.0.0.1:1", retries=QUICK) as client, pytest.raises(Unavailable) as error:
        client.algorithms()
    assert error.value.reason == ""
    with pytest.raises(RuntimeError, match="closed"):
        client.algorithms()

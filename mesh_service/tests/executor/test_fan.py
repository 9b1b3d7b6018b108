"""One request that the front spreads over the workers."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import compute_pb2, tensor_pb2
from edgemesh.executor.v1 import executor_pb2_grpc

from mesh_service import translate

OK, EXCEPTION, CRASH = (
    compute_pb2.OUTCOME_OK,
    compute_pb2.OUTCOME_EXCEPTION,
    compute_pb2.OUTCOME_CRASH,
)


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> Any:
    return executor_pb2_grpc.ExecutorServiceStub(channel)


def many(do: Sequence[str], data: bytes = b"", **limits: int) -> compute_pb2.ComputeRequest:
    request = compute_pb2.ComputeRequest(
        algorithm="sample.many",
        parameters=json.dumps({"do": list(do)}),
        limits=compute_pb2.Limits(**limits),
    )
    if data:
        request.inputs["x"].dtype = tensor_pb2.DATA_TYPE_UINT8
        request.inputs["x"].shape.append(len(data))
        request.inputs["x"].data = data
    return request


@pytest.mark.parametrize("size", [10, 300_000])
async def test_parts_keep_their_order(stub: Any, size: int) -> None:
    data = os.urandom(size)
    response = await stub.Execute(many(["size"] * 8, data))
    assert (response.outcome, json.loads(response.result)) == (OK, [[OK, size]] * 8)
    assert {name: tensor.data for name, tensor in response.outputs.items()} == {
        f"{number}.x": data for number in range(8)
    }
    assert response.algorithm == "sample.many@1"
    assert response.usage.executor == "sample"


async def test_parts_are_spread_over_the_workers(stub: Any) -> None:
    async with asyncio.timeout(30):  # the second worker may still be starting
        while True:
            response = await stub.Execute(many(["size"] * 6, b"x"))
            if len(set(response.stdout.split())) == 2:
                return


async def test_a_parts_failure_is_its_own(stub: Any) -> None:
    response = await stub.Execute(many(["nothing", "raise_failure", "die", "nothing"]))
    outcomes = [outcome for outcome, _ in json.loads(response.result)]
    assert (response.outcome, outcomes) == (OK, [OK, EXCEPTION, CRASH, OK])


async def test_no_parts_are_an_empty_list(stub: Any) -> None:
    response = await stub.Execute(many([]))
    assert (response.outcome, response.result) == (OK, "[]")


async def test_parts_share_the_run_time(stub: Any) -> None:
    response = await stub.Execute(many(["nothing", "wait", "wait", "wait"], run_time_ms=300))
    assert response.outcome == compute_pb2.OUTCOME_TIMEOUT
    assert (response.failure.limit.name, response.failure.limit.value) == ("run_time_ms", 300)
    told = json.loads(response.result)
    assert told[0][0] == OK
    assert told[-1] is None


async def test_parts_share_the_limit_of_output(stub: Any) -> None:
    response = await stub.Execute(many(["size"] * 50, b"x", output_bytes=60))
    assert response.outcome == compute_pb2.OUTCOME_OUTPUT_LIMIT
    assert response.failure.limit.name == "output_bytes"
    assert len(response.stdout) <= 60
    assert json.loads(response.result)[-1] is None


async def test_what_a_part_is_refused_for_is_refused_of_the_whole(stub: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Execute(many(["nothing", "refuse"]))
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert translate.reason_of(caught.value) == "INVALID_PARAMETER"
    assert "inputs.x" in (caught.value.details() or "")


async def test_who_leaves_ends_all_parts(stub: Any) -> None:
    call = stub.Execute(many(["wait"] * 8, run_time_ms=30_000))
    await asyncio.sleep(0.3)
    call.cancel()
    # The workers are free again long before their run time is over.
    async with asyncio.timeout(10):
        response = await stub.Execute(many(["nothing"] * 4))
    assert response.outcome == OK


async def test_how_far_it_is_is_streamed(stub: Any) -> None:
    events = [event async for event in stub.ExecuteStream(many(["size"] * 16, b"x"))]
    fractions = [event.progress.fraction for event in events[:-1]]
    assert fractions == sorted(fractions)
    assert fractions
    assert json.loads(events[-1].response.result) == [[OK, 1]] * 16

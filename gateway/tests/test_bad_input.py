"""What a request may get wrong, and what it gets, before any executor sees it."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import compute_pb2, tensor_pb2
from fake_executor import FakeExecutor
from house import House, eventually, house, request, tensor

F32 = tensor_pb2.DATA_TYPE_FLOAT32
SHARED = tensor_pb2.Tensor(
    dtype=F32, shape=[2], shared_memory=tensor_pb2.SharedMemory(region="r", offset=8, size=8)
)

TENSORS: dict[str, tuple[tensor_pb2.Tensor, str, str]] = {
    "no dtype": (tensor(dtype=0), "inputs.x.dtype", "required"),
    "unknown dtype": (tensor(dtype=99), "inputs.x.dtype", "required"),
    "no storage": (tensor_pb2.Tensor(dtype=F32, shape=[2]), "inputs.x.data", "required"),
    "shared memory": (SHARED, "inputs.x.shared_memory.offset", "a multiple of 16"),
    "too few bytes": (tensor(data=bytes(7)), "inputs.x.data", "8 bytes"),
    "too many bytes": (tensor(data=bytes(9)), "inputs.x.data", "8 bytes"),
    "negative": (tensor(shape=(-1, 2)), "inputs.x.shape[0]", "0 or more"),
    "overflow": (tensor(shape=(1 << 40, 1 << 40)), "inputs.x.shape", "overflows"),
    "many dimensions": (tensor(shape=(1,) * 33, data=bytes(4)), "inputs.x.shape", "at most 32"),
}


@pytest.mark.parametrize("what", TENSORS)
async def test_tensors(gate: House, fake: FakeExecutor, what: str) -> None:
    bad, field, expected = TENSORS[what]
    refusal = await gate.refusal(inputs={"good": tensor(), "x": bad})
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_TENSOR")
    assert list(refusal.violations) == [field]
    assert expected in refusal.violations[field]
    assert not fake.began


ENVELOPES: dict[str, tuple[dict[str, Any], str]] = {
    "no algorithm": ({"algorithm": ""}, "algorithm"),
    "algorithm of nothing but blanks": ({"algorithm": "cpp fft"}, "algorithm"),
    "algorithm with a line's end": ({"algorithm": "cpp.fft\n"}, "algorithm"),
    "long algorithm": ({"algorithm": "a" * 256}, "algorithm"),
    "long request id": ({"request_id": "r" * 129}, "request_id"),
    "request id with a line's end": ({"request_id": "r\n"}, "request_id"),
    "long session": ({"session_id": "s" * 129}, "session_id"),
    "unknown priority": ({"priority": 9}, "priority"),
    "many capabilities": ({"capabilities": ["net"] * 65}, "capabilities"),
    "long capability": ({"capabilities": ["net", "c" * 129]}, "capabilities[1]"),
    "empty capability": ({"capabilities": [""]}, "capabilities[0]"),
    "many inputs": ({"inputs": {str(n): tensor() for n in range(1025)}}, "inputs"),
}


@pytest.mark.parametrize("what", ENVELOPES)
async def test_envelopes(gate: House, fake: FakeExecutor, what: str) -> None:
    fields, field = ENVELOPES[what]
    refusal = await gate.refusal(**fields)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert list(refusal.violations) == [field]
    assert not fake.began


async def test_all_that_is_wrong_is_said_at_once(gate: House) -> None:
    refusal = await gate.refusal(algorithm="", request_id="\n", session_id="s" * 200)
    assert set(refusal.violations) == {"algorithm", "request_id", "session_id"}
    bad = {name: tensor(data=b"") for name in "abc"}
    assert set((await gate.refusal(inputs=bad)).violations) == {
        "inputs.a.data",
        "inputs.b.data",
        "inputs.c.data",
    }


async def test_the_most_that_is_allowed(gate: House) -> None:
    response = await gate.call(
        request_id="r" * 128,
        session_id="s" * 128,
        capabilities=["c" * 128] * 64,
        inputs={str(number): tensor() for number in range(1024)},
        priority=compute_pb2.PRIORITY_BATCH,
    )
    assert len(response.outputs) == 1024


async def test_ten_thousand_inputs(gate: House, fake: FakeExecutor) -> None:
    refusal = await gate.refusal(inputs={str(number): tensor() for number in range(10_000)})
    assert refusal.violations == {"inputs": "at most 1024, not 10000"}
    assert not fake.began


@pytest.mark.parametrize("raw", [b"\xff" * 10, b"\x12\x7f", b"\xff" * 100_000])
async def test_bytes_that_are_no_request(gate: House, raw: bytes) -> None:
    refusal = await gate.refusal(raw)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert "request" in refusal.violations


@pytest.mark.parametrize("over", [1, 1 << 20, 15 << 20])
async def test_over_the_policys_size(gate: House, fake: FakeExecutor, over: int) -> None:
    limit = 1 << 20
    raw = request(parameters=" " * (limit + over)).SerializeToString()
    refusal = await gate.refusal(raw)
    assert (refusal.code, refusal.reason) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "PAYLOAD_TOO_LARGE",
    )
    assert refusal.metadata == {"size": str(len(raw)), "limit": str(limit)}
    assert not fake.began


async def test_just_the_policys_size(gate: House) -> None:
    padded = request(inputs={"x": tensor(shape=(1 << 19,), data=bytes(1 << 21))})
    around = len(padded.SerializeToString()) - (1 << 21)
    length = ((1 << 20) - around) // 4
    full = request(inputs={"x": tensor(shape=(length,), data=bytes(4 * length))})
    assert (1 << 20) - 8 < len(full.SerializeToString()) <= 1 << 20
    answer = await gate.compute.Compute(full, timeout=20)
    assert len(answer.outputs["x"].data) == 4 * length


async def test_more_bytes_than_the_house_holds(fake: FakeExecutor) -> None:
    async with house(
        {"fake": fake.port}, max_request_bytes=1 << 20, max_held_bytes=1 << 20
    ) as gate:
        big = {"x": tensor(shape=(150_000,), data=bytes(600_000))}
        held = asyncio.ensure_future(gate.call(do="hold", inputs=big))
        await eventually(lambda: fake.running == 1)
        refusal = await gate.refusal(inputs=big)
        assert refusal.reason == "QUEUE_FULL"
        assert refusal.delay_s is not None
        await gate.call()
        fake.release.set()
        await held
        await gate.call(inputs=big)


async def test_an_unknown_algorithm_names_the_nearest(gate: House, fake: FakeExecutor) -> None:
    await fake.offer("fake.echo", "fake.echo@2", "fake.matmul")
    await gate.serves("fake.matmul")
    refusal = await gate.refusal(algorithm="fake.eco")
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.NOT_FOUND, "UNKNOWN_ALGORITHM")
    assert refusal.metadata == {"algorithm": "fake.eco", "nearest": "fake.echo"}
    assert "nearest: fake.echo" in refusal.message
    refusal = await gate.refusal(algorithm="fake.echo@3")
    assert set(refusal.metadata["nearest"].split(",")) >= {"fake.echo@1", "fake.echo@2"}
    assert (await gate.refusal(algorithm="z" * 255)).metadata["nearest"] == ""


async def test_a_stream_is_refused_in_the_same_way(gate: House) -> None:
    call = gate.compute.ComputeStream(request(algorithm="fake.eco"), timeout=20)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND

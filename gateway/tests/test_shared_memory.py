"""Shared memory through the gateway: passed on with the user that the kernel names, or refused."""

from __future__ import annotations

import os
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import shared_memory_pb2, shared_memory_pb2_grpc, tensor_pb2
from fake_executor import FakeExecutor
from house import House, house, refused

PLACE = tensor_pb2.SharedMemory(region="r", offset=16, size=8)


def stub_of(gate: House) -> Any:
    return shared_memory_pb2_grpc.SharedMemoryServiceStub(gate.channel)


def tensor() -> tensor_pb2.Tensor:
    return tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_FLOAT32, shape=[2], shared_memory=PLACE)


async def test_calls_are_passed_on_for_the_callers_user(gate: House, fake: FakeExecutor) -> None:
    request = shared_memory_pb2.RegisterSharedMemoryRequest(name="r", size=64, owner_pid=7)
    answer = await stub_of(gate).RegisterSharedMemory(request)
    assert answer.region == shared_memory_pb2.SharedMemoryRegion(name="r", size=64, owner_pid=7)
    assert fake.metadata["edgemesh-uid"] == str(os.geteuid())
    assert fake.metadata["edgemesh-tenant"] == "local"


async def test_nobody_speaks_for_another_user(gate: House, fake: FakeExecutor) -> None:
    given = (("edgemesh-uid", "12345"), ("edgemesh-peer", "ipv4:127.0.0.1:1"))
    await stub_of(gate).SharedMemoryStatus(
        shared_memory_pb2.SharedMemoryStatusRequest(executor="fake"), metadata=given
    )
    assert fake.metadata["edgemesh-uid"] == str(os.geteuid())


async def test_places_go_through_unread(gate: House, fake: FakeExecutor) -> None:
    await gate.call(inputs={"x": tensor()}, outputs_to={"y": PLACE})
    assert fake.metadata["edgemesh-uid"] == str(os.geteuid())
    await gate.call()
    assert "edgemesh-uid" not in fake.metadata


async def test_an_unknown_executor(gate: House) -> None:
    request = shared_memory_pb2.UnregisterSharedMemoryRequest(executor="another")
    refusal = await refused(stub_of(gate).UnregisterSharedMemory(request))
    assert refusal.violations == {"executor": "required: one of fake"}


@pytest.mark.parametrize("method", ["RegisterSharedMemory", "SharedMemoryStatus"])
async def test_where_it_is_not_offered(fake: FakeExecutor, method: str) -> None:
    async with house({"fake": fake.port}, shared_memory=False) as gate:
        request = getattr(shared_memory_pb2, f"{method}Request")()
        refusal = await refused(getattr(stub_of(gate), method)(request))
        assert (refusal.code, list(refusal.violations)) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            ["request"],
        )
        refusal = await gate.refusal(inputs={"x": tensor()}, outputs_to={"y": PLACE})
        assert refusal.reason == "INVALID_TENSOR"
        assert set(refusal.violations) == {"inputs.x.shared_memory", "outputs_to.y"}
        assert not fake.began

"""Tensors in shared memory, through the gateway and past it: a hundred megabytes in and out."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import grpc
import numpy as np
import pytest
from edgemesh.compute.v1 import compute_pb2, shared_memory_pb2, tensor_pb2
from support import rpc
from support.rpc import Peer
from support.wait import until

from edgemesh_local.mesh import Mesh

POINTS = 100_000_000 // 16
BYTES = 16 * POINTS
SPAN = (BYTES + 4095) & -4096

pytestmark = [pytest.mark.needs("cpp"), pytest.mark.same_machine]


@pytest.fixture
def memory() -> Iterator[SharedMemory]:
    made = SharedMemory(create=True, size=2 * SPAN)
    yield made
    made.unlink()
    made.close()


def registration(memory: SharedMemory, pid: int) -> shared_memory_pb2.RegisterSharedMemoryRequest:
    return shared_memory_pb2.RegisterSharedMemoryRequest(
        name="wave", executor="cpp", shm_name=memory.name, size=2 * SPAN, owner_pid=pid
    )


def place(offset: int) -> tensor_pb2.SharedMemory:
    return tensor_pb2.SharedMemory(region="wave", offset=offset, size=BYTES)


def fft() -> compute_pb2.ComputeRequest:
    request = compute_pb2.ComputeRequest(
        algorithm="cpp.fft", limits=compute_pb2.Limits(run_time_ms=120_000)
    )
    request.inputs["x"].CopyFrom(
        tensor_pb2.Tensor(
            dtype=tensor_pb2.DATA_TYPE_COMPLEX128, shape=[POINTS], shared_memory=place(0)
        )
    )
    request.outputs_to["y"].CopyFrom(place(SPAN))
    return request


async def refused(call: Any) -> rpc.Refusal:
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    return rpc.refusal(failed.value)


async def _transform(peer: Peer, execute: Any, memory: SharedMemory) -> None:
    await peer.shared_memory.RegisterSharedMemory(registration(memory, os.getpid()))
    assert memory.buf is not None
    x = np.frombuffer(memory.buf, "complex128", POINTS)
    y = np.frombuffer(memory.buf, "complex128", POINTS, SPAN)
    try:
        x[:] = np.random.default_rng(5).standard_normal(POINTS)
        before = x[:100].copy()
        response = await execute(fft(), timeout=120)
        assert rpc.outcome(response) == "OK", response.failure
        assert response.outputs["y"].shared_memory == place(SPAN)
        assert response.ByteSize() < 1000
        # Parseval, and one coefficient: NumPy's whole transform would take as long again.
        np.testing.assert_allclose(np.vdot(y, y).real, POINTS * np.vdot(x, x).real, rtol=1e-9)
        np.testing.assert_allclose(y[0], x.sum(), atol=1e-6)
        np.testing.assert_array_equal(x[:100], before)
    finally:
        del x, y
        await peer.shared_memory.UnregisterSharedMemory(
            shared_memory_pb2.UnregisterSharedMemoryRequest(name="wave", executor="cpp")
        )


async def test_a_hundred_megabytes_through_the_gateway(gateway: Peer, memory: SharedMemory) -> None:
    await _transform(gateway, gateway.compute.Compute, memory)


async def test_a_hundred_megabytes_past_it(mesh: Mesh, memory: SharedMemory) -> None:
    async with rpc.connect(mesh.address("cpp")) as direct:
        await _transform(direct, direct.executor.Execute, memory)


async def test_a_region_is_gone_when_it_was_let_go(gateway: Peer, memory: SharedMemory) -> None:
    register = gateway.shared_memory.RegisterSharedMemory
    told = (await register(registration(memory, os.getpid()))).region
    assert (told.size, told.in_place) == (2 * SPAN, True)
    named = shared_memory_pb2.UnregisterSharedMemoryRequest(name="wave", executor="cpp")
    await gateway.shared_memory.UnregisterSharedMemory(named)
    refusal = await refused(gateway.shared_memory.UnregisterSharedMemory(named))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.NOT_FOUND, "UNKNOWN_REGION")
    refusal = await refused(gateway.compute.Compute(fft()))
    assert refusal.reason == "INVALID_TENSOR"
    assert set(refusal.fields) == {"inputs.x.shared_memory.region", "outputs_to.y.region"}


async def test_a_region_goes_with_its_owner(gateway: Peer, memory: SharedMemory) -> None:
    owner = await asyncio.create_subprocess_exec("sleep", "600")
    await gateway.shared_memory.RegisterSharedMemory(registration(memory, owner.pid))
    owner.kill()
    await owner.wait()

    async def gone() -> bool:
        status = await gateway.shared_memory.SharedMemoryStatus(
            shared_memory_pb2.SharedMemoryStatusRequest(executor="cpp")
        )
        return not status.regions

    await until(gone, "no region of an owner that was killed")

"""What cannot be run is refused through the gateway as it is by an executor."""

from __future__ import annotations

import grpc
import pytest
from edgemesh.compute.v1 import tensor_pb2
from support import bad_tensors, rpc
from support.rpc import Peer, refused
from support.subject import SUBJECTS, Subject
from support.wait import until

from edgemesh_local.mesh import Mesh

INVALID = grpc.StatusCode.INVALID_ARGUMENT
LIMIT = 128 << 20


async def test_an_unknown_algorithm(gateway: Peer, subject: Subject) -> None:
    call = gateway.compute.Compute(rpc.request(subject.misspelt), timeout=10)
    found = await refused(call)
    assert (found.code, found.reason) == (grpc.StatusCode.NOT_FOUND, "UNKNOWN_ALGORITHM")
    assert subject.nearest in found.metadata["nearest"].split(",")


async def test_parameters(gateway: Peer, subject: Subject) -> None:
    for bad in subject.bad_parameters:
        call = gateway.compute.Compute(rpc.request(bad.algorithm, bad.parameters), timeout=10)
        found = await refused(call)
        assert (found.code, found.reason) == (INVALID, "INVALID_PARAMETER")
        assert bad.field in found.fields


@pytest.mark.parametrize("case", bad_tensors.CASES)
async def test_tensors(gateway: Peer, subject: Subject, case: str) -> None:
    tensor, field = bad_tensors.CASES[case]
    request = bad_tensors.with_input(subject.quick(1), tensor)
    found = await refused(gateway.compute.Compute(request, timeout=10))
    assert (found.code, found.reason) == (INVALID, "INVALID_TENSOR")
    assert field in found.fields
    assert all(found.fields.values())


async def test_ten_thousand_inputs(gateway: Peer, subject: Subject) -> None:
    request = bad_tensors.ten_thousand_inputs(subject.quick(1).algorithm)
    found = await refused(gateway.compute.Compute(request, timeout=30))
    assert (found.code, found.reason) == (INVALID, "INVALID_REQUEST")
    assert "inputs" in found.fields


async def test_a_request_over_the_policys_size(gateway: Peer, subject: Subject) -> None:
    tensor = tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_BYTES, shape=[LIMIT], data=bytes(LIMIT))
    request = bad_tensors.with_input(subject.quick(1), tensor)
    found = await refused(gateway.compute.Compute(request, timeout=60))
    assert (found.code, found.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "PAYLOAD_TOO_LARGE")
    assert found.metadata == {"size": str(request.ByteSize()), "limit": str(LIMIT)}


async def test_an_executor_that_is_not_there(whole: Mesh, gateway: Peer, subject: Subject) -> None:
    others = [SUBJECTS[name] for name in whole.executors if name != subject.name]
    pid = whole.pid("gateway")
    await whole.stop_service(subject.name)
    try:
        found = await refused(gateway.compute.Compute(subject.quick(1), timeout=5))
        assert found.code == grpc.StatusCode.UNAVAILABLE
        assert found.reason == "NOT_STARTED"
        assert found.metadata["executor"] == subject.name
        assert found.retry_after_s
        for other in others:
            other.check(2, await gateway.compute.Compute(other.quick(2), timeout=30))
    finally:
        await whole.start_service(subject.name)

    async def served() -> bool:
        try:
            subject.check(3, await gateway.compute.Compute(subject.quick(3), timeout=30))
        except grpc.aio.AioRpcError as error:
            assert error.code() == grpc.StatusCode.UNAVAILABLE  # noqa: PT017
            return False
        return True

    await until(served, "the gateway serves it again")
    assert whole.pid("gateway") == pid

"""What cannot be run is refused with its field and what was expected, before any worker sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest
from edgemesh.compute.v1 import compute_pb2, tensor_pb2
from support import bad_tensors, metrics
from support.rpc import Peer, Refusal, refused
from support.subject import Subject

from edgemesh_local.mesh import Mesh

INVALID = grpc.StatusCode.INVALID_ARGUMENT
LIMIT = 128 << 20


@pytest.fixture(autouse=True)
async def no_worker_sees_it(
    mesh: Mesh, subject: Subject, request: pytest.FixtureRequest
) -> AsyncIterator[None]:
    """A refusal leaves the count of the pool's calls as it was."""

    async def calls() -> float:
        return (await metrics.figures(mesh.metrics(subject.name)))("edgemesh_pool_calls_total")

    before = await calls()
    yield
    if request.node.get_closest_marker("worker_judges") is None:
        assert await calls() == before


def _one(found: Refusal, reason: str, field: str) -> None:
    assert (found.code, found.reason) == (INVALID, reason), found
    assert field in found.fields, found.fields
    assert all(found.fields.values()), "what was expected"


async def test_an_unknown_algorithm_with_the_nearest_names(direct: Peer, subject: Subject) -> None:
    request = subject.quick(1)
    request.algorithm = subject.misspelt
    found = await refused(direct.executor.Execute(request, timeout=10))
    assert (found.code, found.reason) == (grpc.StatusCode.NOT_FOUND, "UNKNOWN_ALGORITHM")
    assert subject.nearest in found.metadata["nearest"].split(",")
    assert subject.nearest in found.message


@pytest.mark.parametrize("name", ["nothing.like.it", f"{'x' * 10_000}", "a\nb", "@1", "∑.fft"])
async def test_an_algorithm_that_nothing_is_like(direct: Peer, name: str) -> None:
    found = await refused(
        direct.executor.Execute(compute_pb2.ComputeRequest(algorithm=name), timeout=10)
    )
    assert (found.code, found.reason) == (grpc.StatusCode.NOT_FOUND, "UNKNOWN_ALGORITHM")
    assert len(found.message) < 1000


async def test_an_unknown_version(direct: Peer, subject: Subject) -> None:
    request = subject.quick(1)
    request.algorithm += "@0.0.0-none"
    found = await refused(direct.executor.Execute(request, timeout=10))
    assert found.reason == "UNKNOWN_ALGORITHM"


async def test_no_algorithm(direct: Peer) -> None:
    found = await refused(direct.executor.Execute(compute_pb2.ComputeRequest(), timeout=10))
    _one(found, "INVALID_REQUEST", "algorithm")


async def test_parameters_that_do_not_fit(
    direct: Peer, subject: Subject, subtests: pytest.Subtests
) -> None:
    for bad in subject.bad_parameters:
        with subtests.test(algorithm=bad.algorithm, parameters=str(bad.parameters)):
            request = subject.quick(1)
            request.algorithm = bad.algorithm
            request.parameters = bad.json
            found = await refused(direct.executor.Execute(request, timeout=10))
            _one(found, "INVALID_PARAMETER", bad.field)


@pytest.mark.parametrize("text", ["{", "[]", "null", "5", "{}{}", "'", "[" * 100_000])
async def test_parameters_that_are_no_json_object(
    direct: Peer, subject: Subject, text: str
) -> None:
    request = subject.quick(1)
    request.parameters = text
    found = await refused(direct.executor.Execute(request, timeout=10))
    _one(found, "INVALID_PARAMETER", "parameters")


@pytest.mark.parametrize("case", bad_tensors.CASES)
async def test_a_tensor_that_contradicts_itself(direct: Peer, subject: Subject, case: str) -> None:
    tensor, field = bad_tensors.CASES[case]
    request = bad_tensors.with_input(subject.quick(1), tensor)
    found = await refused(direct.executor.Execute(request, timeout=10))
    _one(found, "INVALID_TENSOR", field)


async def test_ten_thousand_inputs(direct: Peer, subject: Subject) -> None:
    request = bad_tensors.ten_thousand_inputs(subject.quick(1).algorithm)
    found = await refused(direct.executor.Execute(request, timeout=30))
    _one(found, "INVALID_REQUEST", "inputs")


async def test_inputs_that_do_not_fit_the_specs(
    direct: Peer, subject: Subject, subtests: pytest.Subtests
) -> None:
    for case, (request, field) in subject.bad_inputs.items():
        with subtests.test(case=case):
            found = await refused(direct.executor.Execute(request, timeout=10))
            _one(found, "INVALID_TENSOR", field)


@pytest.mark.worker_judges
async def test_inputs_that_only_the_algorithm_can_judge(
    direct: Peer, subject: Subject, subtests: pytest.Subtests
) -> None:
    for case, (request, field) in subject.bad_to_the_algorithm.items():
        with subtests.test(case=case):
            found = await refused(direct.executor.Execute(request, timeout=10))
            assert found.code == INVALID
            assert field in found.fields


@pytest.mark.parametrize("limit", ["run_time_ms", "memory_bytes", "output_bytes"])
async def test_limits_looser_than_the_executors_own(
    direct: Peer, subject: Subject, limit: str
) -> None:
    request = subject.quick(1)
    setattr(request.limits, limit, 2**63)
    found = await refused(direct.executor.Execute(request, timeout=10))
    _one(found, "INVALID_REQUEST", f"limits.{limit}")


async def test_a_session_that_nobody_keeps(direct: Peer, subject: Subject) -> None:
    request = subject.quick(1)
    request.session_id = "no/name"  # which those that keep sessions refuse too
    _one(
        await refused(direct.executor.Execute(request, timeout=10)),
        "INVALID_REQUEST",
        "session_id",
    )


async def test_capabilities_that_nobody_grants(direct: Peer, subject: Subject) -> None:
    request = subject.quick(1)
    request.capabilities.append("net")
    _one(
        await refused(direct.executor.Execute(request, timeout=10)),
        "INVALID_REQUEST",
        "capabilities",
    )


async def test_a_request_over_the_policys_size(direct: Peer, subject: Subject) -> None:
    tensor = tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_BYTES, shape=[LIMIT], data=bytes(LIMIT))
    request = bad_tensors.with_input(subject.quick(1), tensor)
    found = await refused(direct.executor.Execute(request, timeout=60))
    assert (found.code, found.reason) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "PAYLOAD_TOO_LARGE",
    )
    assert int(found.metadata["size"]) == request.ByteSize()
    assert int(found.metadata["limit"]) == LIMIT


async def test_bytes_that_are_no_request(mesh: Mesh, direct: Peer, subject: Subject) -> None:
    for raw in (b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x02\xff\xfe", bytes(100_000)):
        call = direct.channel.unary_unary("/edgemesh.executor.v1.ExecutorService/Execute")
        found = await refused(call(raw, timeout=10))
        assert (found.code, found.reason) == (INVALID, "INVALID_REQUEST")


async def test_the_same_refusals_come_from_a_stream(direct: Peer, subject: Subject) -> None:
    request = subject.quick(1)
    request.parameters = "{"
    found = await refused(direct.executor.ExecuteStream(request, timeout=10).read())
    _one(found, "INVALID_PARAMETER", "parameters")

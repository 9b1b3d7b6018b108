"""Every domain error has a code, a reason of the contract's table, and the details that help."""

from __future__ import annotations

from pathlib import Path

import edgemesh.compute.v1.compute_pb2 as contract
import grpc
import pytest
from google.rpc import error_details_pb2  # pyright: ignore[reportMissingTypeStubs]

from mesh_service import errors, translate
from mesh_service.errors import Violation

SAMPLES: list[tuple[errors.MeshError, str]] = [
    (errors.InvalidRequest([Violation("algorithm", "required")]), "INVALID_REQUEST"),
    (errors.InvalidParameter([Violation("parameters.n", "an integer")]), "INVALID_PARAMETER"),
    (errors.InvalidTensor([Violation("inputs.x", "required")]), "INVALID_TENSOR"),
    (errors.UnknownAlgorithm("cpp.ftt", ["cpp.fft"]), "UNKNOWN_ALGORITHM"),
    (errors.UnknownRegion("mine"), "UNKNOWN_REGION"),
    (errors.UnknownSession("mine"), "UNKNOWN_SESSION"),
    (errors.SessionExists("mine"), "SESSION_EXISTS"),
    (errors.UnusableSession("an image", "another"), "UNUSABLE_SESSION"),
    (errors.UnusableModel("m@1", "torn", "wait", 1.0), "UNUSABLE_MODEL"),
    (errors.UnknownEnvironment("e" * 64), "UNKNOWN_ENVIRONMENT"),
    (errors.UnknownProgram("d" * 64), "UNKNOWN_PROGRAM"),
    (errors.AlreadyExists("python.mine@1"), "ALREADY_EXISTS"),
    (errors.UnknownJob("j" * 32), "UNKNOWN_JOB"),
    (errors.RequestIdTaken("mine", "j" * 32, ["request.parameters"]), "REQUEST_ID_TAKEN"),
    (errors.JobNotDone("j" * 32, "RUNNING"), "JOB_NOT_DONE"),
    (errors.UnknownSchedule("nightly"), "UNKNOWN_SCHEDULE"),
    (errors.UnknownChain("c" * 32), "UNKNOWN_CHAIN"),
    (errors.DependencyFailed("one", "j" * 32, "FAILED"), "DEPENDENCY_FAILED"),
    (errors.UnknownRequest("mine"), "UNKNOWN_REQUEST"),
    (errors.StorageFull(5.0), "STORAGE_FULL"),
    (errors.StoreAway(1.0), "STORE_AWAY"),
    (errors.CallsTooDeep(8), "CALLS_TOO_DEEP"),
    (errors.QuotaExceeded("regions", 4), "QUOTA_EXCEEDED"),
    (errors.Unauthenticated("a key"), "UNAUTHENTICATED"),
    (errors.PermissionDenied("cpp.fft"), "PERMISSION_DENIED"),
    (errors.UnknownKey("em_abc"), "UNKNOWN_KEY"),
    (errors.RateLimited("physics", "3/hour", 1.5), "RATE_LIMITED"),
    (errors.TooManyAtOnce("physics", "2", 0.1), "TOO_MANY_AT_ONCE"),
    (errors.ComputeSpent("physics", "3600", 60.0), "COMPUTE_SPENT"),
    (errors.PayloadTooLarge(20, 10), "PAYLOAD_TOO_LARGE"),
    (errors.QueueFull(3, 0.5), "QUEUE_FULL"),
    (errors.NotStarted("cpp", 1.5), "NOT_STARTED"),
    (errors.ShuttingDown("gateway"), "SHUTTING_DOWN"),
    (errors.ExecutorLost("cpp", 1.0), "EXECUTOR_LOST"),
    (errors.DeadlineExceeded("schedule"), "DEADLINE_EXCEEDED"),
    (errors.Cancelled(), "CANCELLED"),
    (errors.WorkFailed("EXCEPTION", "ValueError", "no"), "WORK_FAILED"),
    (errors.NotOffered("RepositoryModelLoad"), "NOT_OFFERED"),
    (errors.Internal("abc"), "INTERNAL"),
]


def every(kind: type[errors.MeshError]) -> set[type[errors.MeshError]]:
    return {kind}.union(*(every(sub) for sub in kind.__subclasses__()))


def test_no_error_of_the_tree_is_missing_here() -> None:
    kinds = every(errors.MeshError) - {errors.MeshError, errors.LimitReached}
    assert {type(error) for error, _ in SAMPLES} == kinds


@pytest.mark.parametrize(("error", "reason"), SAMPLES, ids=[r for _, r in SAMPLES])
def test_code_and_reason_are_those_of_the_contract(error: errors.MeshError, reason: str) -> None:
    found = translate.verdict(error)
    assert found.reason == reason
    comment = (Path(contract.__file__).parent / "compute.proto").read_text()
    line = next(row for row in comment.splitlines() if row.startswith(f"//   {reason} "))
    assert line.split()[2] == found.code.name


@pytest.mark.parametrize(("error", "reason"), SAMPLES, ids=[r for _, r in SAMPLES])
def test_the_reason_survives_the_wire(error: errors.MeshError, reason: str) -> None:
    status = translate.to_status(error)
    trailing = grpc.aio.Metadata((translate.DETAILS_KEY, status.SerializeToString()))
    failed = grpc.aio.AioRpcError(
        translate.verdict(error).code, grpc.aio.Metadata(), trailing, status.message
    )
    assert translate.reason_of(failed) == reason


def test_a_tenants_own_limit_says_whose_it_is_and_which() -> None:
    failure = error_details_pb2.QuotaFailure()
    status = translate.to_status(errors.RateLimited("physics", "3/hour", 1.5))
    assert status.details[1].Unpack(failure)
    (violation,) = failure.violations
    assert violation.subject == "tenant:physics"
    assert violation.description == status.message
    delay = error_details_pb2.RetryInfo()
    assert status.details[2].Unpack(delay)
    assert delay.retry_delay.ToMilliseconds() == 1500
    own = translate.to_status(errors.PayloadTooLarge(20, 10, tenant="physics"))
    assert own.details[1].Unpack(failure)
    # What is everyone's limit is nobody's quota.
    assert len(translate.to_status(errors.PayloadTooLarge(20, 10)).details) == 1


def test_fields_sizes_and_delays_are_told() -> None:
    refused = translate.to_status(errors.InvalidTensor([Violation("inputs.x.dtype", "float32")]))
    bad = error_details_pb2.BadRequest()
    assert refused.details[1].Unpack(bad)
    assert bad.field_violations[0].field == "inputs.x.dtype"
    info = error_details_pb2.ErrorInfo()
    large = translate.to_status(errors.PayloadTooLarge(20, 10))
    assert large.details[0].Unpack(info)
    assert dict(info.metadata) == {"size": "20", "limit": "10"}
    retry = error_details_pb2.RetryInfo()
    assert translate.to_status(errors.NotStarted("cpp", 1.5)).details[1].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() == 1500


def test_ten_thousand_violations_fit_the_trailers() -> None:
    many = [Violation(f"inputs.{'é' * 400}{i}", "y" * 1000) for i in range(10_000)]
    status = translate.to_status(errors.InvalidTensor(many))
    message = status.message.encode()
    assert 1000 < len(status.SerializeToString()) + len(message) < 6 * 1024


def test_a_foreign_failure_has_no_reason() -> None:
    trailing = grpc.aio.Metadata((translate.DETAILS_KEY, b"\xff\xff"))
    failed = grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), trailing)
    assert translate.reason_of(failed) == ""

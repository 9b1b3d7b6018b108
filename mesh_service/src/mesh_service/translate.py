"""Domain errors to `google.rpc.Status`, and an RPC's failure back to its reason.

Rules: the only place that knows both. One table says code and reason of each error; details follow
from the error's fields.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import grpc
from google.protobuf import any_pb2, duration_pb2, message
from google.rpc import error_details_pb2, status_pb2  # pyright: ignore[reportMissingTypeStubs]

from mesh_service import errors

DOMAIN = "edgemesh"
DETAILS_KEY = "grpc-status-details-bin"
MOST_VIOLATION_BYTES = 3072
MOST_MESSAGE = 512
"""A peer need not take more than 8 KiB of trailers, and these hold the message three times."""


class Verdict(NamedTuple):
    """Status code and reason of an error."""

    code: grpc.StatusCode
    reason: str


_TABLE: tuple[tuple[type[errors.MeshError], Verdict], ...] = (
    (errors.InvalidParameter, Verdict(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER")),
    (errors.InvalidTensor, Verdict(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_TENSOR")),
    (errors.InvalidRequest, Verdict(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")),
    (errors.UnknownAlgorithm, Verdict(grpc.StatusCode.NOT_FOUND, "UNKNOWN_ALGORITHM")),
    (errors.UnknownRegion, Verdict(grpc.StatusCode.NOT_FOUND, "UNKNOWN_REGION")),
    (errors.UnknownSession, Verdict(grpc.StatusCode.NOT_FOUND, "UNKNOWN_SESSION")),
    (errors.SessionExists, Verdict(grpc.StatusCode.ALREADY_EXISTS, "SESSION_EXISTS")),
    (
        errors.UnusableSession,
        Verdict(grpc.StatusCode.FAILED_PRECONDITION, "UNUSABLE_SESSION"),
    ),
    (errors.UnusableModel, Verdict(grpc.StatusCode.FAILED_PRECONDITION, "UNUSABLE_MODEL")),
    (errors.UnknownEnvironment, Verdict(grpc.StatusCode.NOT_FOUND, "UNKNOWN_ENVIRONMENT")),
    (errors.UnknownProgram, Verdict(grpc.StatusCode.NOT_FOUND, "UNKNOWN_PROGRAM")),
    (errors.AlreadyExists, Verdict(grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS")),
    (errors.UnknownJob, Verdict(grpc.StatusCode.NOT_FOUND, "UNKNOWN_JOB")),
    (errors.UnknownSchedule, Verdict(grpc.StatusCode.NOT_FOUND, "UNKNOWN_SCHEDULE")),
    (errors.UnknownChain, Verdict(grpc.StatusCode.NOT_FOUND, "UNKNOWN_CHAIN")),
    (
        errors.DependencyFailed,
        Verdict(grpc.StatusCode.FAILED_PRECONDITION, "DEPENDENCY_FAILED"),
    ),
    (errors.RequestIdTaken, Verdict(grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_TAKEN")),
    (errors.JobNotDone, Verdict(grpc.StatusCode.FAILED_PRECONDITION, "JOB_NOT_DONE")),
    (errors.StorageFull, Verdict(grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL")),
    (errors.StoreAway, Verdict(grpc.StatusCode.UNAVAILABLE, "STORE_AWAY")),
    (errors.QuotaExceeded, Verdict(grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED")),
    (errors.Unauthenticated, Verdict(grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")),
    (errors.PermissionDenied, Verdict(grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")),
    (errors.UnknownKey, Verdict(grpc.StatusCode.NOT_FOUND, "UNKNOWN_KEY")),
    (errors.UnknownRequest, Verdict(grpc.StatusCode.NOT_FOUND, "UNKNOWN_REQUEST")),
    (errors.RateLimited, Verdict(grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED")),
    (errors.TooManyAtOnce, Verdict(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_AT_ONCE")),
    (errors.ComputeSpent, Verdict(grpc.StatusCode.RESOURCE_EXHAUSTED, "COMPUTE_SPENT")),
    (errors.CallsTooDeep, Verdict(grpc.StatusCode.FAILED_PRECONDITION, "CALLS_TOO_DEEP")),
    (errors.PayloadTooLarge, Verdict(grpc.StatusCode.RESOURCE_EXHAUSTED, "PAYLOAD_TOO_LARGE")),
    (errors.QueueFull, Verdict(grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL")),
    (errors.NotStarted, Verdict(grpc.StatusCode.UNAVAILABLE, "NOT_STARTED")),
    (errors.ShuttingDown, Verdict(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")),
    (errors.ExecutorLost, Verdict(grpc.StatusCode.UNAVAILABLE, "EXECUTOR_LOST")),
    (errors.DeadlineExceeded, Verdict(grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")),
    (errors.Cancelled, Verdict(grpc.StatusCode.CANCELLED, "CANCELLED")),
    (errors.WorkFailed, Verdict(grpc.StatusCode.UNKNOWN, "WORK_FAILED")),
    (errors.NotOffered, Verdict(grpc.StatusCode.UNIMPLEMENTED, "NOT_OFFERED")),
)
INTERNAL = Verdict(grpc.StatusCode.INTERNAL, "INTERNAL")


def verdict(error: BaseException) -> Verdict:
    """Code and reason of an error; INTERNAL for what is not the mesh's."""
    for kind, entry in _TABLE:
        if isinstance(error, kind):
            return entry
    return INTERNAL


def to_status(error: errors.MeshError) -> status_pb2.Status:
    """The rich status of an error: `ErrorInfo`, and `BadRequest`, `RetryInfo` or `QuotaFailure`
    where they help."""
    code, reason = verdict(error)
    info = error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=_metadata(error))
    details: list[message.Message] = [info]
    if isinstance(error, errors.InvalidRequest):
        details.append(_bad_request(error.violations))
    if isinstance(error, errors.LimitReached | errors.PayloadTooLarge) and error.tenant:
        failure = error_details_pb2.QuotaFailure()
        failure.violations.add(subject=f"tenant:{error.tenant}", description=str(error))
        details.append(failure)
    wait = getattr(error, "retry_after_s", None)
    if wait is not None:
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(int(float(wait) * 1e9))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    number: int = code.value[0]
    return status_pb2.Status(code=number, message=str(error)[:MOST_MESSAGE], details=_pack(details))


def reason_of(error: grpc.RpcError) -> str:
    """The mesh's reason in a failed RPC; empty when the peer was no part of the mesh."""
    trailing = error.trailing_metadata() if isinstance(error, grpc.aio.AioRpcError) else None
    for key, value in trailing or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            return _reason(value)
    return ""


def _reason(serialized: bytes) -> str:
    info = error_details_pb2.ErrorInfo()
    try:
        status = status_pb2.Status.FromString(serialized)
        for detail in status.details:
            if detail.Unpack(info) and info.domain == DOMAIN:
                return info.reason
    except message.DecodeError:
        return ""
    return ""


def _bad_request(violations: Iterable[errors.Violation]) -> error_details_pb2.BadRequest:
    """As many violations as fit, the first ones."""
    bad = error_details_pb2.BadRequest()
    for violation in violations:
        bad.field_violations.add(
            field=violation.field[:256], description=violation.expected[:MOST_MESSAGE]
        )
        if bad.ByteSize() > MOST_VIOLATION_BYTES:
            if len(bad.field_violations) > 1:
                del bad.field_violations[-1]
            break
    return bad


def _metadata(error: errors.MeshError) -> dict[str, str]:
    match error:
        case errors.PayloadTooLarge():
            return {"size": str(error.size), "limit": str(error.limit)}
        case errors.UnknownRegion():
            return {"region": error.name}
        case errors.UnknownSession() | errors.SessionExists():
            return {"session": error.id}
        case errors.UnusableSession():
            return {"expected": error.expected, "found": error.found}
        case errors.UnusableModel():
            return {"model": error.model, "why": error.why, "remedy": error.remedy}
        case errors.UnknownEnvironment():
            return {"environment": error.id}
        case errors.UnknownJob():
            return {"job": error.id}
        case errors.UnknownSchedule():
            return {"schedule": error.id}
        case errors.UnknownChain():
            return {"chain": error.id}
        case errors.DependencyFailed():
            return {"step": error.step, "job": error.job, "state": error.state}
        case errors.JobNotDone():
            return {"job": error.id, "state": error.state}
        case errors.RequestIdTaken():
            fields = ",".join(error.fields)[:MOST_MESSAGE]
            return {"request_id": error.request_id, "job": error.job, "fields": fields}
        case errors.AlreadyExists():
            return {"name": error.name}
        case errors.PermissionDenied():
            return {"scope": error.scope}
        case errors.UnknownKey():
            return {"key": error.prefix}
        case errors.UnknownRequest():
            return {"request_id": error.id}
        case errors.LimitReached():
            return {"limit": error.limit}
        case errors.QueueFull() | errors.QuotaExceeded() | errors.CallsTooDeep():
            return {"limit": str(error.limit)}
        case errors.UnknownAlgorithm():
            return {"algorithm": error.name, "nearest": ",".join(error.nearest)}
        case errors.NotStarted() | errors.ExecutorLost():
            return {"executor": error.executor}
        case errors.DeadlineExceeded():
            return {"stage": error.stage}
        case errors.WorkFailed():
            return {"outcome": error.outcome, "type": error.type}
        case errors.Internal():
            return {"error_id": error.error_id}
        case _:
            return {}


def _pack(details: list[message.Message]) -> list[any_pb2.Any]:
    packed: list[any_pb2.Any] = []
    for detail in details:
        wrapped = any_pb2.Any()
        wrapped.Pack(detail)
        packed.append(wrapped)
    return packed

"""gRPC's errors to this package's, and what may be tried again.

Rules: the one place that reads google.rpc's details. A reason that says that work did not begin may
be tried again by itself; a bare UNAVAILABLE may have begun it, so only what has no effect is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import grpc
from edgemesh.compute.v1 import job_pb2
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from edgemesh_client import errors

_STATUS = "grpc-status-details-bin"
_TYPES: dict[str, type[errors.MeshError]] = {
    "INVALID_ARGUMENT": errors.InvalidRequest,
    "OUT_OF_RANGE": errors.InvalidRequest,
    "UNIMPLEMENTED": errors.InvalidRequest,
    "NOT_FOUND": errors.NotFound,
    "ALREADY_EXISTS": errors.AlreadyExists,
    "FAILED_PRECONDITION": errors.FailedPrecondition,
    "ABORTED": errors.FailedPrecondition,
    "UNAUTHENTICATED": errors.Unauthenticated,
    "PERMISSION_DENIED": errors.PermissionDenied,
    "RESOURCE_EXHAUSTED": errors.Exhausted,
    "UNAVAILABLE": errors.Unavailable,
    "DEADLINE_EXCEEDED": errors.DeadlineExceeded,
    "CANCELLED": errors.Cancelled,
}
_NEVER_BEGAN = frozenset(
    ("RATE_LIMITED", "TOO_MANY_AT_ONCE", "QUEUE_FULL", "NOT_STARTED", "SHUTTING_DOWN",
     "STORAGE_FULL", "COMPUTE_SPENT")
)  # fmt: skip
_NOT_CONNECTED = re.compile(r"failed to connect|connection refused|DNS", re.IGNORECASE)


def from_rpc(error: grpc.aio.AioRpcError) -> errors.MeshError:
    """What a failed RPC said."""
    details: Iterable[any_pb2.Any] = ()
    for key, value in error.trailing_metadata() or ():
        if key == _STATUS and isinstance(value, bytes):
            details = status_pb2.Status.FromString(value).details
    return _made(error.code().name, error.details() or "", details)


def from_job(error: job_pb2.JobError) -> errors.MeshError:
    """Why a job has no response."""
    return _made(
        code_pb2.Code.Name(code_pb2.Code.ValueType(error.code)), error.message, error.details
    )


def _made(code: str, message: str, details: Iterable[any_pb2.Any]) -> errors.MeshError:
    reason, metadata, fields, delay = "", dict[str, str](), dict[str, str](), None
    for detail in details:
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            reason, metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(bad):
            fields = {each.field: each.description for each in bad.field_violations}
        elif detail.Unpack(retry):
            delay = retry.retry_delay.ToTimedelta().total_seconds()
    kind = _TYPES.get(code, errors.Internal)
    return kind(code, message, reason=reason, fields=fields, metadata=metadata, retry_after_s=delay)


def may_retry(error: errors.MeshError, *, safe: bool) -> bool:
    """Whether the same request may be sent again; `safe`: twice does no more than once."""
    if error.reason:
        return error.reason in _NEVER_BEGAN or (safe and error.code == "UNAVAILABLE")
    if error.code != "UNAVAILABLE":
        return False
    return safe or bool(_NOT_CONNECTED.search(error.message))

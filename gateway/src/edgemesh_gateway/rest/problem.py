"""A `google.rpc.Status` as HTTP tells it: RFC 9457 problem details.

Rules: `mesh_service.translate` says code, reason and details of an error, here they only change
their clothes; one table says which HTTP status a code is. What only HTTP can get wrong (a path, a
method, a media type) is a Fault, in the same form.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2  # pyright: ignore[reportMissingTypeStubs]

from mesh_service import errors, translate

MEDIA_TYPE = "application/problem+json"
CLIENT_LEFT = 499
"""Of nobody who could read it; for the log."""
_TYPE = "urn:edgemesh:error:"
_HTTP: dict[grpc.StatusCode, int] = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.CANCELLED: CLIENT_LEFT,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}
_BY_REASON = {"PAYLOAD_TOO_LARGE": 413}
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class Fault(Exception):
    """What is wrong with a request as HTTP, before there is a call."""

    def __init__(self, status: int, reason: str, detail: str, **headers: str) -> None:
        self.status, self.reason, self.detail = status, reason, detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        super().__init__(detail)


@dataclass
class Problem:
    """What a caller is told."""

    status: int
    reason: str
    detail: str
    code: str = ""
    """The gRPC status, by name; empty where there is none."""
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    violations: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    quota: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    retry_after_s: float | None = None
    request_id: str = ""
    headers: dict[str, str] = field(default_factory=dict[str, str])

    def body(self) -> dict[str, Any]:
        """The JSON object."""
        told: dict[str, Any] = {
            "type": _TYPE + self.reason.lower().replace("_", "-"),
            "title": self.reason.replace("_", " ").capitalize(),
            "status": self.status,
            "detail": self.detail,
            "reason": self.reason,
        }
        for name in ("code", "request_id", "violations", "quota", "metadata"):
            if value := getattr(self, name):
                told[name] = value
        if self.retry_after_s is not None:
            told["retry_after_ms"] = round(self.retry_after_s * 1e3)
        return told

    def all_headers(self) -> dict[str, str]:
        """Its headers."""
        told = dict(self.headers)
        if self.retry_after_s is not None:
            told["Retry-After"] = str(max(1, -int(-self.retry_after_s // 1)))
        if self.status == 401:
            told["WWW-Authenticate"] = "Bearer"
        if self.request_id:
            told["Edgemesh-Request-Id"] = self.request_id
        return told


def of(error: BaseException, request_id: str = "") -> Problem:
    """The problem that an error is to its caller."""
    match error:
        case Fault():
            found = Problem(error.status, error.reason, error.detail, headers=error.headers)
        case errors.MeshError():
            found = told(translate.to_status(error))
        case grpc.aio.AioRpcError():
            found = told(_status(error))
        case _:
            raise error
    found.request_id = request_id
    return found


def _status(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    """An executor's refusal, with its details if it is of the mesh."""
    if translate.reason_of(error):
        for key, value in error.trailing_metadata() or ():
            if key == translate.DETAILS_KEY and isinstance(value, bytes):
                return status_pb2.Status.FromString(value)
    return status_pb2.Status(code=error.code().value[0], message=error.details() or "")


def told(status: status_pb2.Status) -> Problem:
    """The problem that a status is."""
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    found = Problem(_HTTP.get(code, 500), code.name, status.message, code.name)
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    retry, quota = error_details_pb2.RetryInfo(), error_details_pb2.QuotaFailure()
    for detail in status.details:
        if detail.Unpack(info):
            found.reason, found.metadata = info.reason, dict(info.metadata)
            found.status = _BY_REASON.get(info.reason, found.status)
        elif detail.Unpack(bad):
            found.violations = [
                {"field": v.field, "expected": v.description} for v in bad.field_violations
            ]
        elif detail.Unpack(retry):
            found.retry_after_s = retry.retry_delay.ToNanoseconds() / 1e9
        elif detail.Unpack(quota):
            found.quota = [
                {"subject": v.subject, "description": v.description} for v in quota.violations
            ]
    return found

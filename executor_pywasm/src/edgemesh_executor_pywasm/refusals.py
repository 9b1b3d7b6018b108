"""Refusals on their way into a program, as a google.rpc.Status.

Rules: a reason that is the executor's own (NOT_GRANTED, BAD_QUESTION) looks like the mesh's.
Workers use this module, so it imports nothing of gRPC.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import any_pb2
from google.rpc import (  # pyright: ignore[reportMissingTypeStubs]
    code_pb2,
    error_details_pb2,
    status_pb2,
)

from edgemesh_executor_pywasm import questions

_DOMAIN = "edgemesh"


def refused(reason: str, message: str) -> bytes:
    """The answer to a question that is refused here."""
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=reason, domain=_DOMAIN))
    status = status_pb2.Status(code=code_pb2.PERMISSION_DENIED, message=message, details=[detail])
    return questions.REFUSED + status.SerializeToString()


def told(serialized: bytes) -> dict[str, Any]:
    """What a program is told of one: reason, message, and the fields that are wrong."""
    status = status_pb2.Status.FromString(serialized)
    info = error_details_pb2.ErrorInfo()
    bad = error_details_pb2.BadRequest()
    reason, fields = "", dict[str, str]()
    for detail in status.details:
        if detail.Unpack(info):
            reason = info.reason
        elif detail.Unpack(bad):
            fields = {v.field: v.description for v in bad.field_violations}
    return {"reason": reason or "INTERNAL", "message": status.message, "fields": fields}

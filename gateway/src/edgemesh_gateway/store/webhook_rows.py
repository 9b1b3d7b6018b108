"""What is owed to a webhook when its job has ended.

Rules: called within the transaction of the end. What is told is made here, once, so that each try
sends the same; it has names and states, and no results, which may be large.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from edgemesh.compute.v1 import job_pb2
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2  # pyright: ignore[reportMissingTypeStubs]
from sqlalchemy.orm import Session

from edgemesh_gateway.store.job_records import JobRecord
from edgemesh_gateway.store.webhook_records import WebhookRecord

MOST_MESSAGE = 512


def owe(session: Session, job: JobRecord, error: bytes | None, now_ms: int) -> None:
    """A job has ended; `error`: the serialised JobError that is its result, if that is one."""
    if job.webhook is None:
        return
    session.add(
        WebhookRecord(
            job=job.id,
            tenant=job.tenant,
            url=job.webhook,
            body=body(job, error),
            state=job_pb2.WEBHOOK_STATE_PENDING,
            created_ms=now_ms,
            due_ms=now_ms,
        )
    )


def body(job: JobRecord, error: bytes | None) -> bytes:
    """What a job's webhook is told."""
    state = job_pb2.JobState.Name(job_pb2.JobState.ValueType(job.state))
    state = state.removeprefix("JOB_STATE_")
    data: dict[str, Any] = {
        "job": job.id,
        "request_id": job.request_id or "",
        "algorithm": job.algorithm,
        "state": state,
        "attempts": job.attempts,
        "created_ms": job.created_ms,
        "ended_ms": job.ended_ms,
    }
    if error is not None:
        data["error"] = _told(error)
    at = datetime.fromtimestamp(job.ended_ms / 1e3, UTC).isoformat(timespec="milliseconds")
    told = {
        "type": f"job.{state.lower()}",
        "timestamp": at.replace("+00:00", "Z"),
        "data": data,
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def _told(raw: bytes) -> dict[str, str]:
    info = error_details_pb2.ErrorInfo()
    try:
        error = job_pb2.JobError.FromString(raw)
        reason = next((info.reason for each in error.details if each.Unpack(info)), "")
    except DecodeError:
        return {"reason": "", "message": ""}
    return {"reason": reason, "message": error.message[:MOST_MESSAGE]}

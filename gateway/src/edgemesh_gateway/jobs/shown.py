"""Jobs and their events as callers see them."""

from __future__ import annotations

from edgemesh.compute.v1 import compute_pb2, job_pb2

from edgemesh_gateway.store.job_records import JobEventRecord, JobRecord
from edgemesh_gateway.store.webhook_records import WebhookRecord

ONGOING = (job_pb2.JOB_STATE_QUEUED, job_pb2.JOB_STATE_RUNNING)


def shown(job: JobRecord, told: WebhookRecord | None = None) -> job_pb2.Job:
    """A job without its result; `told`: what is owed to its webhook, or was."""
    made = job_pb2.Job(
        id=job.id,
        request_id=job.request_id or "",
        algorithm=job.algorithm,
        priority=compute_pb2.Priority.ValueType(job.priority),
        state=job_pb2.JobState.ValueType(job.state),
        cancelling=job.cancelling,
        attempts=job.attempts,
        max_attempts=job.max_attempts,
        created_ms=job.created_ms,
        started_ms=job.started_ms,
        ended_ms=job.ended_ms,
        deadline_ms=job.created_ms + job.timeout_ms if job.timeout_ms else 0,
        expires_ms=job.expires_ms or 0,
        last_event=job.last_event,
        chain=job.chain or "",
    )
    if job.webhook is not None:
        made.webhook.CopyFrom(delivery(job.webhook, told))
    return made


def delivery(url: str, told: WebhookRecord | None) -> job_pb2.WebhookDelivery:
    """What became of a webhook; None: nothing is owed yet."""
    if told is None:
        return job_pb2.WebhookDelivery(url=url, state=job_pb2.WEBHOOK_STATE_WAITING)
    return job_pb2.WebhookDelivery(
        url=url,
        state=job_pb2.WebhookState.ValueType(told.state),
        tries=told.tries,
        last_error=told.last_error,
        last_status=told.last_status,
        next_ms=0 if told.ended_ms else told.due_ms,
        ended_ms=told.ended_ms,
    )


def event_of(event: JobEventRecord) -> job_pb2.JobEvent:
    """An event."""
    made = job_pb2.JobEvent(sequence=event.sequence, at_ms=event.at_ms, attempt=event.attempt)
    if event.state:
        made.state = job_pb2.JobState.ValueType(event.state)
    else:
        made.work.MergeFromString(event.work)
    return made

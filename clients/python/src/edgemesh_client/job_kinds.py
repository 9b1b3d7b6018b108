"""What the mesh tells of jobs."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass

from edgemesh.compute.v1 import job_pb2

from edgemesh_client import notebook
from edgemesh_client.moment import moment


class JobState(enum.Enum):
    """Where a job is."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    LOST = "LOST"
    DEAD = "DEAD"
    EXPIRED = "EXPIRED"

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self not in (JobState.QUEUED, JobState.RUNNING)

    @classmethod
    def read(cls, state: job_pb2.JobState.ValueType) -> JobState:
        """Of the contract's number."""
        return cls(job_pb2.JobState.Name(state).removeprefix("JOB_STATE_"))


class WebhookState(enum.Enum):
    """How far the telling of a job's end is."""

    WAITING = "WAITING"
    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    GIVEN_UP = "GIVEN_UP"


@dataclass(frozen=True, slots=True)
class WebhookInfo:
    """What became of a job's webhook."""

    url: str
    state: WebhookState
    tries: int
    last_error: str
    last_status: int
    next: dt.datetime | None
    """When it is sent again."""
    ended: dt.datetime | None

    @classmethod
    def read(cls, told: job_pb2.WebhookDelivery) -> WebhookInfo:
        """Of the contract's message."""
        name = job_pb2.WebhookState.Name(told.state)
        return cls(
            told.url,
            WebhookState(name.removeprefix("WEBHOOK_STATE_")),
            told.tries,
            told.last_error,
            told.last_status,
            moment(told.next_ms) if told.next_ms else None,
            moment(told.ended_ms) if told.ended_ms else None,
        )


@dataclass(frozen=True, slots=True)
class JobInfo:
    """A job, as it was when it was asked for."""

    id: str
    request_id: str
    algorithm: str
    state: JobState
    attempts: int
    max_attempts: int
    created: dt.datetime
    started: dt.datetime | None
    ended: dt.datetime | None
    webhook: WebhookInfo | None = None

    def _repr_html_(self) -> str:
        return notebook.job(self)

    @classmethod
    def read(cls, told: job_pb2.Job) -> JobInfo:
        """Of the contract's message."""
        return cls(
            told.id,
            told.request_id,
            told.algorithm,
            JobState.read(told.state),
            told.attempts,
            told.max_attempts,
            moment(told.created_ms),
            moment(told.started_ms) if told.started_ms else None,
            moment(told.ended_ms) if told.ended_ms else None,
            WebhookInfo.read(told.webhook) if told.HasField("webhook") else None,
        )

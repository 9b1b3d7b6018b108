"""Jobs that are planned: what they do, schedules that hand them in, and chains of them."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgemesh.compute.v1 import chain_pb2, job_pb2, schedule_pb2

from edgemesh_client.job_kinds import JobInfo, JobState
from edgemesh_client.moment import moment
from edgemesh_client.request import Call, Limits, Priority, make_request


@dataclass(frozen=True, slots=True)
class Plan:
    """A job to be: what `submit` takes, without a name."""

    algorithm: str
    parameters: Mapping[str, Any] | None = None
    tensors: Mapping[str, Any] | None = None
    limits: Limits | None = None
    priority: Priority | None = None
    capabilities: Sequence[str] = ()
    max_attempts: int = 0
    idempotent: bool = False
    job_timeout_s: float | None = None
    webhook: str = ""

    def message(self) -> job_pb2.SubmitJobRequest:
        """As the contract has it. Raises ValueUnfit, ConfigurationError."""
        call = Call(self.limits, self.priority, "", self.capabilities)
        return job_pb2.SubmitJobRequest(
            max_attempts=self.max_attempts,
            timeout_ms=int(1000 * (self.job_timeout_s or 0)),
            idempotent=self.idempotent,
            webhook=job_pb2.Webhook(url=self.webhook) if self.webhook else None,
            request=make_request(self.algorithm, call, {}, self.parameters, self.tensors),
        )


class Missed(enum.Enum):
    """What becomes of times of a schedule at which no gateway was there."""

    SKIP = "SKIP"
    ONCE = "ONCE"


@dataclass(frozen=True, slots=True)
class ScheduleInfo:
    """A schedule, as it was when it was asked for."""

    id: str
    cron: str
    time_zone: str
    algorithm: str
    missed: Missed
    paused: bool
    created: dt.datetime
    next: dt.datetime | None
    """The time that makes the next job."""
    last: dt.datetime | None
    last_job: str
    fired: int
    skipped: int
    last_error: str

    @classmethod
    def read(cls, told: schedule_pb2.Schedule) -> ScheduleInfo:
        """Of the contract's message."""
        name = schedule_pb2.MissedFirings.Name(told.missed)
        return cls(
            told.id,
            told.cron,
            told.time_zone,
            told.job.request.algorithm,
            Missed(name.removeprefix("MISSED_FIRINGS_")),
            told.paused,
            moment(told.created_ms),
            moment(told.next_ms) if told.next_ms else None,
            moment(told.last_ms) if told.last_ms else None,
            told.last_job,
            told.fired,
            told.skipped,
            told.last_error,
        )


@dataclass(frozen=True, slots=True)
class OutputOf:
    """An output of an earlier step."""

    step: str
    output: str


@dataclass(frozen=True, slots=True)
class ResultOf:
    """The result of an earlier step, or what a JSON pointer (`/scores/0`) finds in it."""

    step: str
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A job of a chain, and what it takes of others."""

    name: str
    plan: Plan
    inputs: Mapping[str, OutputOf] | None = None
    parameters: Mapping[str, ResultOf] | None = None
    after: Sequence[str] = ()

    def message(self) -> chain_pb2.ChainStep:
        """As the contract has it. Raises ValueUnfit, ConfigurationError."""
        inputs, parameters = self.inputs or {}, self.parameters or {}
        return chain_pb2.ChainStep(
            name=self.name,
            job=self.plan.message(),
            after=self.after,
            inputs={
                name: chain_pb2.OutputOf(step=of.step, output=of.output)
                for name, of in inputs.items()
            },
            parameters={
                name: chain_pb2.ResultOf(step=of.step, pointer=of.pointer)
                for name, of in parameters.items()
            },
        )


@dataclass(frozen=True, slots=True)
class ChainInfo:
    """A chain, as it was when it was asked for."""

    id: str
    request_id: str
    state: JobState
    """RUNNING, or SUCCEEDED, or FAILED."""
    created: dt.datetime
    ended: dt.datetime | None
    jobs: Mapping[str, JobInfo]
    """By the names of their steps."""

    @classmethod
    def read(cls, told: chain_pb2.Chain) -> ChainInfo:
        """Of the contract's message."""
        return cls(
            told.id,
            told.request_id,
            JobState.read(told.state),
            moment(told.created_ms),
            moment(told.ended_ms) if told.ended_ms else None,
            {each.name: JobInfo.read(each.job) for each in told.steps},
        )

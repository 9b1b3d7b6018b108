"""ScheduleService: callers make schedules, stop them and let them go on.

Rules: converts and delegates; a schedule is a tenant's own. Its job is judged when the schedule is
made, as SubmitJob would judge it, and is kept as the record that each time copies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from edgemesh.compute.v1 import compute_pb2, job_pb2, schedule_pb2

from edgemesh_gateway.authenticate import Authenticator
from edgemesh_gateway.jobs.intake import Intake, below
from edgemesh_gateway.jobs.outer import Outer
from edgemesh_gateway.jobs.service import WRITE
from edgemesh_gateway.schedules import times
from edgemesh_gateway.store import Full
from edgemesh_gateway.store.schedule_records import ScheduleRecord
from edgemesh_gateway.store.schedule_store import ScheduleStore
from mesh_service import errors
from mesh_service.errors import InvalidRequest, Violation
from mesh_service.messages import parse
from mesh_service.stack import Handler, Rpc

SERVICE: str = schedule_pb2.DESCRIPTOR.services_by_name["ScheduleService"].full_name
MOST_WORK = 64 << 10
PAGE, MOST_PAGE = 100, 1000
_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
_CREATE = Outer("CreateScheduleRequest")
_TEMPLATE = (
    *("who", "scopes", "algorithm", "namespace", "priority", "state", "idempotent"),
    *("max_attempts", "timeout_ms", "attempt_timeout_ms", "ttl_ms", "digest", "webhook"),
)
"""Columns of a job that each of a schedule's has."""
_SAME = ("cron", "time_zone", "missed")
_SAME_JOB = (
    *("idempotent", "priority", "max_attempts", "timeout_ms", "attempt_timeout_ms", "ttl_ms"),
    "webhook",
)


class Schedules:
    """The servicer of ScheduleService."""

    def __init__(
        self,
        authenticator: Authenticator,
        intake: Intake,
        store: ScheduleStore,
        clock: Callable[[], int],
        most: int,
    ) -> None:
        """`most`: schedules that one tenant may have."""
        self._authenticator, self._intake, self._store = authenticator, intake, store
        self._clock, self._most = clock, most

    def methods(self) -> dict[str, tuple[str, Handler]]:
        """What a server is given."""
        return {
            "CreateSchedule": ("unary", self._create),
            "GetSchedule": ("unary", self._get),
            "ListSchedules": ("unary", self._list),
            "PauseSchedule": ("unary", self._pause),
            "ResumeSchedule": ("unary", self._resume),
            "DeleteSchedule": ("unary", self._delete),
        }

    async def _create(self, raw: bytes, rpc: Rpc) -> bytes:
        caller = await self._authenticator.authenticate(rpc, WRITE)
        asked, now = _CREATE.read(raw), self._clock()
        zone = asked.time_zone or times.DEFAULT_ZONE
        wrong = [*_violations(asked), *times.violations(asked.cron, zone, now)]
        if wrong:
            raise InvalidRequest(wrong)
        with below("job"):
            async with self._intake.taken(asked.job, rpc, caller) as job:
                pass
        record = ScheduleRecord(
            tenant=caller.tenant,
            id=asked.id,
            cron=" ".join(asked.cron.split()),
            time_zone=zone,
            missed=asked.missed or schedule_pb2.MISSED_FIRINGS_SKIP,
            created_ms=now,
            due_ms=None if asked.paused else times.after(asked.cron, zone, now),
            paused=asked.paused,
            template=json.dumps({name: getattr(job, name) for name in _TEMPLATE}),
            request=asked.job.request,
        )
        try:
            kept = await self._store.add(record, self._most)
        except Full:
            raise errors.QuotaExceeded("schedules", self._most) from None
        if not _same(kept, record):
            raise errors.AlreadyExists(asked.id)
        return schedule_pb2.CreateScheduleResponse(schedule=shown(kept)).SerializeToString()

    async def _get(self, raw: bytes, rpc: Rpc) -> bytes:
        tenant = (await self._authenticator.authenticate(rpc)).tenant
        asked = parse(schedule_pb2.GetScheduleRequest, raw)
        found = _there(await self._store.get(tenant, asked.id), asked.id)
        return schedule_pb2.GetScheduleResponse(schedule=shown(found)).SerializeToString()

    async def _list(self, raw: bytes, rpc: Rpc) -> bytes:
        tenant = (await self._authenticator.authenticate(rpc)).tenant
        asked = parse(schedule_pb2.ListSchedulesRequest, raw)
        most = min(asked.page_size or PAGE, MOST_PAGE)
        found = await self._store.list(tenant, asked.after, most)
        return schedule_pb2.ListSchedulesResponse(
            schedules=[shown(each, whole=False) for each in found],
            next_after=found[-1].id if len(found) == most else "",
        ).SerializeToString()

    async def _pause(self, raw: bytes, rpc: Rpc) -> bytes:
        tenant = (await self._authenticator.authenticate(rpc, WRITE)).tenant
        asked = parse(schedule_pb2.PauseScheduleRequest, raw)
        found = _there(await self._store.pause(tenant, asked.id), asked.id)
        return schedule_pb2.PauseScheduleResponse(schedule=shown(found)).SerializeToString()

    async def _resume(self, raw: bytes, rpc: Rpc) -> bytes:
        tenant = (await self._authenticator.authenticate(rpc, WRITE)).tenant
        asked, now = parse(schedule_pb2.ResumeScheduleRequest, raw), self._clock()
        found = await self._store.resume(
            tenant, asked.id, lambda each: times.after(each.cron, each.time_zone, now)
        )
        kept = _there(found, asked.id)
        return schedule_pb2.ResumeScheduleResponse(schedule=shown(kept)).SerializeToString()

    async def _delete(self, raw: bytes, rpc: Rpc) -> bytes:
        tenant = (await self._authenticator.authenticate(rpc, WRITE)).tenant
        asked = parse(schedule_pb2.DeleteScheduleRequest, raw)
        if not await self._store.delete(tenant, asked.id):
            raise errors.UnknownSchedule(asked.id)
        return schedule_pb2.DeleteScheduleResponse().SerializeToString()


def shown(schedule: ScheduleRecord, *, whole: bool = True) -> schedule_pb2.Schedule:
    """A schedule as callers see it; `whole`: with its job's work."""
    job: dict[str, Any] = json.loads(schedule.template)
    template = job_pb2.SubmitJobRequest(
        max_attempts=job["max_attempts"],
        attempt_timeout_ms=job["attempt_timeout_ms"],
        timeout_ms=job["timeout_ms"],
        result_ttl_ms=job["ttl_ms"],
        idempotent=job["idempotent"],
        request=compute_pb2.ComputeRequest(algorithm=job["algorithm"]),
    )
    if job["webhook"] is not None:
        template.webhook.url = job["webhook"]
    if whole:
        template.request.MergeFromString(schedule.request)
    template.request.priority = compute_pb2.Priority.ValueType(job["priority"])
    return schedule_pb2.Schedule(
        id=schedule.id,
        cron=schedule.cron,
        time_zone=schedule.time_zone,
        missed=schedule_pb2.MissedFirings.ValueType(schedule.missed),
        paused=schedule.paused,
        created_ms=schedule.created_ms,
        next_ms=schedule.due_ms or 0,
        last_ms=schedule.last_ms,
        last_job=schedule.last_job,
        fired=schedule.fired,
        skipped=schedule.skipped,
        last_error=schedule.last_error,
        job=template,
    )


def _violations(asked: Any) -> Iterator[Violation]:
    if not _ID.fullmatch(asked.id):
        yield Violation("id", "1 to 100 characters of [A-Za-z0-9._-]")
    if asked.missed not in schedule_pb2.MissedFirings.values():
        yield Violation("missed", f"a MissedFirings, not {asked.missed}")
    if not asked.HasField("job"):
        yield Violation("job", "required: a SubmitJobRequest")
    if asked.job.request_id:
        yield Violation("job.request_id", "none: each time names its job")
    if len(asked.job.request) > MOST_WORK:
        yield Violation("job.request", f"at most {MOST_WORK} bytes, not {len(asked.job.request)}")


def _same(one: ScheduleRecord, other: ScheduleRecord) -> bool:
    """Whether two are the same, whoever made them."""
    left, right = (json.loads(each.template) for each in (one, other))
    work, other_work = (compute_pb2.ComputeRequest.FromString(e.request) for e in (one, other))
    return (
        all(getattr(one, name) == getattr(other, name) for name in _SAME)
        and all(left[name] == right[name] for name in _SAME_JOB)
        and work == other_work
    )


def _there(found: ScheduleRecord | None, id: str) -> ScheduleRecord:
    if found is None:
        raise errors.UnknownSchedule(id)
    return found

"""JobService: callers hand in jobs and hear of them.

Rules: converts and delegates; a job is a tenant's own, and another's is as unknown as none. What is
answered to a submission is on disk.
"""

from __future__ import annotations

import contextlib
from functools import wraps
from typing import Any

from edgemesh.compute.v1 import compute_pb2, job_pb2
from sqlalchemy.exc import SQLAlchemyError

from edgemesh_gateway.admit import Admission
from edgemesh_gateway.authenticate import Authenticator
from edgemesh_gateway.identity.caller import Caller
from edgemesh_gateway.jobs import files as kinds
from edgemesh_gateway.jobs import ids, submission
from edgemesh_gateway.jobs.attempt import error_bytes
from edgemesh_gateway.jobs.files import Files
from edgemesh_gateway.jobs.hub import Hub
from edgemesh_gateway.jobs.runner import Runner
from edgemesh_gateway.jobs.submission import Submission
from edgemesh_gateway.programs import Programs
from edgemesh_gateway.route import Routes
from edgemesh_gateway.store import Full
from edgemesh_gateway.store.job_records import RESPONSE, JobEventRecord, JobRecord
from edgemesh_gateway.store.job_store import JobStore
from edgemesh_gateway.store.job_terms import Asked
from edgemesh_gateway.store.trouble import told
from mesh_service import errors, wire
from mesh_service.errors import Violation
from mesh_service.messages import parse
from mesh_service.stack import Handler, Rpc

SERVICE: str = job_pb2.DESCRIPTOR.services_by_name["JobService"].full_name
WRITE = "jobs:write"
PAGE, MOST_PAGE = 100, 1000
EVENTS = 256
"""Events that are read at once."""
ONGOING = (job_pb2.JOB_STATE_QUEUED, job_pb2.JOB_STATE_RUNNING)


class Jobs:
    """The servicer of JobService."""

    def __init__(
        self,
        authenticator: Authenticator,
        admission: Admission,
        routes: Routes,
        programs: Programs,
        store: JobStore,
        files: Files,
        hub: Hub,
        runner: Runner,
        *,
        most_waiting: int,
        ttl_s: float,
        longest_ttl_s: float,
    ) -> None:
        self._authenticator, self._admission = authenticator, admission
        self._routes, self._programs = routes, programs
        self._store, self._files, self._hub, self._runner = store, files, hub, runner
        self._most_waiting = most_waiting
        self._ttl_ms, self._longest_ttl_ms = int(ttl_s * 1e3), int(longest_ttl_s * 1e3)

    def methods(self) -> dict[str, tuple[str, Handler]]:
        """What a server is given."""
        return {
            "SubmitJob": ("unary", _kept(self._submit)),
            "GetJob": ("unary", _kept(self._get)),
            "ListJobs": ("unary", _kept(self._list)),
            "WaitJob": ("unary", _kept(self._wait)),
            "CancelJob": ("unary", _kept(self._cancel)),
            "DeleteJob": ("unary", _kept(self._delete)),
            "StreamJobEvents": ("watch", _kept(self._events)),
        }

    async def _submit(self, raw: bytes, rpc: Rpc) -> bytes:
        caller = await self._authenticator.authenticate(rpc, WRITE)
        asked = Submission(raw, self._longest_ttl_ms)
        batch = compute_pb2.PRIORITY_BATCH
        with self._admission.admit(asked.work, rpc, caller, otherwise=batch) as permit:
            if permit.user is not None:
                why = "no shared memory: its owner may be gone when the job runs"
                raise errors.InvalidTensor([Violation("request.inputs", why)])
            idempotent = await self._idempotent(asked, permit.algorithm, caller)
            record = asked.record(permit, idempotent, self._ttl_ms)
            record.request = await self._files.put(record.id, kinds.REQUEST, asked.work)
            try:
                kept = await self._store.submit(record)
            except Full:
                await self._files.drop([record.id])
                raise errors.QuotaExceeded("waiting jobs", self._most_waiting) from None
            # After another failure nobody knows whether the row is there: the sweep of files does.
            if kept.id != record.id:
                await self._files.drop([record.id])
                await self._compare(kept, record, asked.work)
        rpc.notes["job"] = kept.id
        self._runner.wake()
        return job_pb2.SubmitJobResponse(job=shown(kept)).SerializeToString()

    async def _idempotent(self, asked: Submission, algorithm: str, caller: Caller) -> bool:
        """Whether it may run more than once. Raises UnknownAlgorithm."""
        if asked.asked.idempotent:
            if not self._routes.offers_name(algorithm):
                await self._known(algorithm, caller)
            return True
        if not self._routes.offers_name(algorithm):
            await self._known(algorithm, caller)
            return False
        head, _ = wire.detach(asked.work)
        return self._routes.find(algorithm).algorithm.idempotent and not head.session_id

    async def _known(self, algorithm: str, caller: Caller) -> None:
        if await self._programs.find(caller.tenant, algorithm) is None:
            # An executor that has not been seen yet may offer it: then the job waits.
            with contextlib.suppress(errors.NotStarted):
                self._routes.find(algorithm, caller.may_run)

    async def _compare(self, kept: JobRecord, record: JobRecord, work: bytes) -> None:
        """Raise RequestIdTaken unless they are the same."""
        before = kept.request
        if before is None and kept.digest != record.digest:
            before = await self._files.get(kept.id, kinds.REQUEST)
        if fields := submission.differences(kept, record, before or b"", work):
            raise errors.RequestIdTaken(record.request_id or "", kept.id, fields)

    async def _get(self, raw: bytes, rpc: Rpc) -> bytes:
        tenant = (await self._authenticator.authenticate(rpc)).tenant
        asked = parse(job_pb2.GetJobRequest, raw)
        job = await self._job(tenant, asked.id, light=False)
        return job_pb2.GetJobResponse(job=await self._whole(job)).SerializeToString()

    async def _list(self, raw: bytes, rpc: Rpc) -> bytes:
        tenant = (await self._authenticator.authenticate(rpc)).tenant
        asked = parse(job_pb2.ListJobsRequest, raw)
        most = min(asked.page_size or PAGE, MOST_PAGE)
        if unknown := [s for s in asked.states if s not in job_pb2.JobState.values()]:
            raise errors.InvalidRequest([Violation("states", f"JobStates, not {unknown[0]}")])
        if asked.page_token and not _is_id(asked.page_token):
            raise errors.InvalidRequest([Violation("page_token", "one that ListJobs gave")])
        wanted = Asked(
            tuple(asked.states),
            asked.algorithm,
            asked.created_from_ms,
            asked.created_before_ms,
            asked.page_token,
            most,
        )
        found = await self._store.jobs(tenant, wanted)
        return job_pb2.ListJobsResponse(
            jobs=[shown(job) for job in found],
            next_page_token=found[-1].id if len(found) == most else "",
        ).SerializeToString()

    async def _wait(self, raw: bytes, rpc: Rpc) -> bytes:
        tenant = (await self._authenticator.authenticate(rpc)).tenant
        asked = parse(job_pb2.WaitJobRequest, raw)
        until = ids.now_ms() + asked.timeout_ms if asked.timeout_ms else None
        with self._hub.watch(asked.id) as watch:
            while True:
                job = await self._job(tenant, asked.id, light=True)
                over = until is not None and ids.now_ms() >= until
                if job.state not in ONGOING or over or self._hub.stopping:
                    break
                await watch.news()
        if job.state not in ONGOING:
            job = await self._job(tenant, asked.id, light=False)
        return job_pb2.WaitJobResponse(job=await self._whole(job)).SerializeToString()

    async def _cancel(self, raw: bytes, rpc: Rpc) -> bytes:
        tenant = (await self._authenticator.authenticate(rpc, WRITE)).tenant
        asked = parse(job_pb2.CancelJobRequest, raw)
        error = error_bytes(errors.Cancelled())
        job = await self._store.cancel(tenant, asked.id, ids.now_ms(), error)
        if job is None:
            raise errors.UnknownJob(asked.id)
        self._runner.cancel(asked.id)
        self._hub.notify(asked.id)
        return job_pb2.CancelJobResponse(job=shown(job)).SerializeToString()

    async def _delete(self, raw: bytes, rpc: Rpc) -> bytes:
        tenant = (await self._authenticator.authenticate(rpc, WRITE)).tenant
        asked = parse(job_pb2.DeleteJobRequest, raw)
        job = await self._store.delete(tenant, asked.id)
        if job is None:
            raise errors.UnknownJob(asked.id)
        if job.state in ONGOING:
            raise errors.JobNotDone(job.id, _name(job.state))
        await self._files.drop([job.id])
        return job_pb2.DeleteJobResponse().SerializeToString()

    async def _events(self, raw: bytes, rpc: Rpc) -> None:
        tenant = (await self._authenticator.authenticate(rpc)).tenant
        asked = parse(job_pb2.StreamJobEventsRequest, raw)
        after = asked.after_sequence
        with self._hub.watch(asked.id) as watch:
            job = await self._job(tenant, asked.id, light=True)
            if not after:
                first = job_pb2.JobEvent(
                    sequence=1, at_ms=job.created_ms, state=job_pb2.JOB_STATE_QUEUED
                )
                await _write(rpc, first)
                after = 1
            while True:
                events = await self._store.events(asked.id, after, EVENTS)
                for event in events:
                    await _write(rpc, _event(event))
                    after = event.sequence
                if len(events) == EVENTS:
                    continue
                if job.state not in ONGOING and after >= job.last_event:
                    return
                if self._hub.stopping:
                    raise errors.ShuttingDown("gateway")
                if job.state in ONGOING:
                    await watch.news()
                job = await self._job(tenant, asked.id, light=True)
                if job.state not in ONGOING and after > job.last_event:
                    return

    async def _job(self, tenant: str, id: str, *, light: bool) -> JobRecord:
        job = await self._store.job(tenant, id, light=light) if _is_id(id) else None
        if job is None:
            raise errors.UnknownJob(id)
        return job

    async def _whole(self, job: JobRecord) -> job_pb2.Job:
        """With its result."""
        made = shown(job)
        if not job.result_kind:
            return made
        raw = job.result
        if raw is None:
            raw = await self._files.get(job.id, kinds.RESULT)
        if job.result_kind == RESPONSE:
            made.response.CopyFrom(compute_pb2.ComputeResponse.FromString(raw))
        else:
            made.error.CopyFrom(job_pb2.JobError.FromString(raw))
        return made


def shown(job: JobRecord) -> job_pb2.Job:
    """A job as callers see it, without its result."""
    return job_pb2.Job(
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
    )


def _event(event: JobEventRecord) -> job_pb2.JobEvent:
    made = job_pb2.JobEvent(sequence=event.sequence, at_ms=event.at_ms, attempt=event.attempt)
    if event.state:
        made.state = job_pb2.JobState.ValueType(event.state)
    else:
        made.work.MergeFromString(event.work)
    return made


async def _write(rpc: Rpc, event: job_pb2.JobEvent) -> None:
    await rpc.write(job_pb2.StreamJobEventsResponse(event=event).SerializeToString())


def _kept(handler: Handler) -> Handler:
    """The database's and the disk's failures, as callers are told of them."""

    @wraps(handler)
    async def handle(raw: Any, rpc: Rpc) -> Any:
        try:
            return await handler(raw, rpc)
        except (SQLAlchemyError, OSError) as error:
            rpc.notes["why"] = str(getattr(error, "orig", None) or error)[:256]
            raise told(error) from error

    return handle


def _is_id(text: str) -> bool:
    return len(text) == 32 and all(c in "0123456789abcdef" for c in text)


def _name(state: int) -> str:
    return job_pb2.JobState.Name(job_pb2.JobState.ValueType(state)).removeprefix("JOB_STATE_")

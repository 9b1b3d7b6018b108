"""JobService: callers hand in jobs and hear of them.

Rules: converts and delegates; a job is a tenant's own, and another's is as unknown as none. What is
answered to a submission is on disk.
"""

from __future__ import annotations

from edgemesh.compute.v1 import compute_pb2, job_pb2

from edgemesh_gateway import keeping
from edgemesh_gateway.authenticate import Authenticator
from edgemesh_gateway.jobs import files as kinds
from edgemesh_gateway.jobs import ids, submission
from edgemesh_gateway.jobs.attempt import error_bytes
from edgemesh_gateway.jobs.figures import Figures
from edgemesh_gateway.jobs.files import Files
from edgemesh_gateway.jobs.hub import Hub
from edgemesh_gateway.jobs.intake import Intake
from edgemesh_gateway.jobs.outer import Outer
from edgemesh_gateway.jobs.runner import Runner
from edgemesh_gateway.jobs.shown import ONGOING, event_of, shown
from edgemesh_gateway.store import Full
from edgemesh_gateway.store.job_records import RESPONSE, JobRecord
from edgemesh_gateway.store.job_store import JobStore
from edgemesh_gateway.store.job_terms import Asked, Ended
from edgemesh_gateway.store.webhook_store import WebhookStore
from mesh_service import errors
from mesh_service.errors import Violation
from mesh_service.messages import parse
from mesh_service.stack import Handler, Rpc

SERVICE: str = job_pb2.DESCRIPTOR.services_by_name["JobService"].full_name
WRITE = "jobs:write"
_SUBMIT = Outer("SubmitJobRequest")
PAGE, MOST_PAGE = 100, 1000
MOST_STATES = 16
"""That a list may ask for."""
LAST_SEQUENCE = (1 << 31) - 1
"""After that of any event."""
EVENTS = 256
"""Events that are read at once."""


class Jobs:
    """The servicer of JobService."""

    def __init__(
        self,
        authenticator: Authenticator,
        intake: Intake,
        store: JobStore,
        files: Files,
        hub: Hub,
        runner: Runner,
        figures: Figures,
        webhooks: WebhookStore,
        *,
        most_waiting: int,
    ) -> None:
        self._authenticator, self._intake = authenticator, intake
        self._store, self._files, self._hub, self._runner = store, files, hub, runner
        self._figures = figures
        self._webhooks = webhooks
        self._most_waiting = most_waiting

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
        async with self._intake.taken(_SUBMIT.read(raw), rpc, caller) as record:
            work = record.request
            assert work is not None
            record.request = await self._files.put(record.id, kinds.REQUEST, work)
            try:
                kept = await self._store.submit(record)
            except Full:
                await self._files.drop([record.id])
                raise errors.QuotaExceeded("waiting jobs", self._most_waiting) from None
            # After another failure nobody knows whether the row is there: the sweep of files does.
            if kept.id != record.id:
                await self._files.drop([record.id])
                await self._compare(kept, record, work)
            else:
                self._figures.accepted()
        rpc.notes["job"] = kept.id
        self._runner.wake()
        return job_pb2.SubmitJobResponse(job=await self._shown(kept)).SerializeToString()

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
        if len(asked.states) > MOST_STATES:
            raise errors.InvalidRequest([Violation("states", f"at most {MOST_STATES}")])
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
        told = await self._webhooks.of([job.id for job in found if job.webhook is not None])
        return job_pb2.ListJobsResponse(
            jobs=[shown(job, told.get(job.id)) for job in found],
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
        now = ids.now_ms()
        job = await self._store.cancel(tenant, asked.id, now, error)
        if job is None:
            raise errors.UnknownJob(asked.id)
        if job.ended_ms == now:  # it waited, and this was its end
            self._figures.ended([Ended(job.state, job.created_ms, now)])
            self._hub.followed()
        self._runner.cancel(asked.id)
        self._hub.notify(asked.id)
        return job_pb2.CancelJobResponse(job=await self._shown(job)).SerializeToString()

    async def _delete(self, raw: bytes, rpc: Rpc) -> bytes:
        tenant = (await self._authenticator.authenticate(rpc, WRITE)).tenant
        asked = parse(job_pb2.DeleteJobRequest, raw)
        job = await self._store.delete(tenant, asked.id)
        if job is None:
            raise errors.UnknownJob(asked.id)
        if job.state in ONGOING:
            raise errors.JobNotDone(job.id, _name(job.state))
        if job.chain is not None:
            expected = f"no step of a chain: DeleteChain forgets chain {job.chain} as a whole"
            raise errors.InvalidRequest([Violation("id", expected)])
        await self._files.drop([job.id])
        return job_pb2.DeleteJobResponse().SerializeToString()

    async def _events(self, raw: bytes, rpc: Rpc) -> None:
        tenant = (await self._authenticator.authenticate(rpc)).tenant
        asked = parse(job_pb2.StreamJobEventsRequest, raw)
        after = min(asked.after_sequence, LAST_SEQUENCE)
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
                    await _write(rpc, event_of(event))
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

    async def _shown(self, job: JobRecord) -> job_pb2.Job:
        """Without its result."""
        told = {} if job.webhook is None else await self._webhooks.of([job.id])
        return shown(job, told.get(job.id))

    async def _whole(self, job: JobRecord) -> job_pb2.Job:
        """With its result."""
        made = await self._shown(job)
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


async def _write(rpc: Rpc, event: job_pb2.JobEvent) -> None:
    await rpc.write(job_pb2.StreamJobEventsResponse(event=event).SerializeToString())


def _kept(handler: Handler) -> Handler:
    """With the failures of the folder of jobs told, too."""
    return keeping.told(handler, OSError)


def _is_id(text: str) -> bool:
    return len(text) == 32 and all(c in "0123456789abcdef" for c in text)


def _name(state: int) -> str:
    return job_pb2.JobState.Name(job_pb2.JobState.ValueType(state)).removeprefix("JOB_STATE_")

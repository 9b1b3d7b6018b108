"""Jobs through a whole gateway: kept, run, cut off, cancelled, and what callers are told."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from pathlib import Path
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import compute_pb2, job_pb2, job_pb2_grpc, tensor_pb2
from fake_executor import FakeExecutor
from house import (
    PATIENCE_S,
    House,
    Process,
    Refusal,
    eventually,
    house,
    raw_method,
    refused,
    request,
)

from edgemesh_gateway.jobs import submission

LEASE_S = 0.5


class Desk:
    """A gateway's JobService, with short words for what tests do with it."""

    def __init__(self, gate: House) -> None:
        self.stub: Any = job_pb2_grpc.JobServiceStub(gate.channel)

    def submitting(self, do: str | None = None, *, work: Any = None, **fields: Any) -> Any:
        asked = job_pb2.SubmitJobRequest(request=work or request(do=do), **fields)
        return self.stub.SubmitJob(asked, timeout=PATIENCE_S)

    async def submit(self, do: str | None = None, **fields: Any) -> str:
        return (await self.submitting(do, **fields)).job.id

    async def ended(self, id: str) -> job_pb2.Job:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = await self.stub.WaitJob(job_pb2.WaitJobRequest(id=id))
                if answer.job.ended_ms:
                    return answer.job

    async def get(self, id: str) -> job_pb2.Job:
        return (await self.stub.GetJob(job_pb2.GetJobRequest(id=id))).job

    async def events(self, id: str, after: int = 0) -> list[job_pb2.JobEvent]:
        asked = job_pb2.StreamJobEventsRequest(id=id, after_sequence=after)
        return [each.event async for each in self.stub.StreamJobEvents(asked, timeout=PATIENCE_S)]

    async def runs(self, id: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while (await self.get(id)).state != job_pb2.JOB_STATE_RUNNING:
                await asyncio.sleep(0.01)


@pytest.fixture
async def desk(gate: House) -> Desk:
    return Desk(gate)


def state(job: job_pb2.Job) -> str:
    return job_pb2.JobState.Name(job.state).removeprefix("JOB_STATE_")


def reason(job: job_pb2.Job) -> str:
    from google.rpc import error_details_pb2  # pyright: ignore[reportMissingTypeStubs]

    info = error_details_pb2.ErrorInfo()
    for detail in job.error.details:
        if detail.Unpack(info):
            return info.reason
    return ""


async def test_a_job_runs_and_its_result_is_kept(fake: FakeExecutor, desk: Desk) -> None:
    inputs = {"x": tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_INT8, shape=[3], data=b"abc")}
    id = await desk.submit(work=request(inputs=inputs), request_id="mine")
    job = await desk.ended(id)
    assert (state(job), job.attempts, job.request_id) == ("SUCCEEDED", 1, "mine")
    assert job.response.outputs["x"].data == b"abc"
    assert job.priority == compute_pb2.PRIORITY_BATCH
    assert json.loads(job.response.result)["edgemesh-tenant"] == "local"
    assert job.expires_ms > job.ended_ms >= job.started_ms >= job.created_ms
    assert fake.began == [job.response.request_id] or len(fake.began) == 1


async def test_events_from_an_offset(desk: Desk) -> None:
    work = request()
    work.parameters = json.dumps({"events": 5})
    id = await desk.submit(work=work)
    events = await desk.events(id)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    states = [event.state for event in events if event.state]
    assert states == [
        job_pb2.JOB_STATE_QUEUED,
        job_pb2.JOB_STATE_RUNNING,
        job_pb2.JOB_STATE_SUCCEEDED,
    ]
    fractions = [e.work.progress.fraction for e in events if e.WhichOneof("event") == "work"]
    assert fractions == [0, 1, 2, 3, 4]
    assert await desk.events(id, after=4) == events[4:]
    assert (await desk.get(id)).last_event == len(events)


async def test_the_same_request_id_is_the_same_job(fake: FakeExecutor, desk: Desk) -> None:
    ids = await asyncio.gather(*(desk.submit("echo", request_id="r") for _ in range(20)))
    assert len(set(ids)) == 1
    await desk.ended(ids[0])
    assert len(fake.began) == 1
    found = await refused(desk.submitting("fail", request_id="r", max_attempts=7))
    assert (found.code, found.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_TAKEN")
    assert found.metadata["fields"] == "max_attempts,request.parameters"
    assert found.metadata["job"] == ids[0]


async def test_an_algorithms_refusal_is_its_result(desk: Desk) -> None:
    job = await desk.ended(await desk.submit("fail"))
    assert (state(job), reason(job), job.error.code) == ("FAILED", "INVALID_PARAMETER", 3)


async def test_what_is_wrong_is_told_at_once(desk: Desk) -> None:
    found = await refused(desk.submitting(work=request("fake.ecco")))
    assert (found.reason, found.metadata["nearest"]) == ("UNKNOWN_ALGORITHM", "fake.echo")
    found = await refused(desk.submitting("echo", request_id="a b", max_attempts=101))
    assert set(found.violations) == {"request_id", "max_attempts"}
    found = await refused(desk.stub.SubmitJob(job_pb2.SubmitJobRequest()))
    assert set(found.violations) == {"request"}
    for ask in (
        desk.stub.GetJob(job_pb2.GetJobRequest(id="0" * 32)),
        desk.stub.WaitJob(job_pb2.WaitJobRequest(id="x")),
        desk.stub.CancelJob(job_pb2.CancelJobRequest(id="../..")),
        desk.stub.DeleteJob(job_pb2.DeleteJobRequest()),
    ):
        assert (await refused(ask)).reason == "UNKNOWN_JOB"


async def test_no_bytes_break_the_service(gate: House) -> None:
    submit = raw_method(gate.channel, f"{'edgemesh.compute.v1.JobService'}/SubmitJob")
    for raw in (b"\xff", b"\x7a\x05abcde", b"\x7a\xff\xff\xff\xff\x0f", b"\x0a\x01\xff"):
        found = await refused(submit(raw, timeout=PATIENCE_S))
        assert found.code == grpc.StatusCode.INVALID_ARGUMENT


async def test_cancel_one_that_runs_and_one_that_waits(fake: FakeExecutor, desk: Desk) -> None:
    runs = await desk.submit("hold")
    await eventually(lambda: fake.running == 1)
    waiting = [await desk.submit("echo") for _ in range(3 * (submission.ATTEMPTS + 4))]
    for id in (waiting[-1], runs):
        await desk.stub.CancelJob(job_pb2.CancelJobRequest(id=id))
        job = await desk.ended(id)
        assert (state(job), reason(job)) == ("CANCELLED", "CANCELLED")
    await eventually(lambda: fake.cancelled == 1)
    for id in waiting[:-1]:
        assert state(await desk.ended(id)) == "SUCCEEDED"


async def test_what_was_taken_ahead_and_has_no_place_ends_when_it_is_to(
    fake: FakeExecutor, desk: Desk
) -> None:
    await desk.submit("hold")
    await eventually(lambda: fake.running == 1)
    ahead = await desk.submit("echo")
    await desk.runs(ahead)  # this gateway has it, and no place for it
    late = await desk.submit("echo", timeout_ms=1500)
    await desk.runs(late)
    await desk.stub.CancelJob(job_pb2.CancelJobRequest(id=ahead))
    job = await desk.ended(ahead)
    assert (state(job), reason(job)) == ("CANCELLED", "CANCELLED")
    job = await desk.ended(late)
    assert (state(job), reason(job)) == ("EXPIRED", "DEADLINE_EXCEEDED")
    assert fake.running == 1
    fake.release.set()
    assert state(await desk.ended(await desk.submit("echo"))) == "SUCCEEDED"
    assert len(fake.began) == 2


async def test_many_states_are_refused_before_each_is_looked_at(desk: Desk) -> None:
    asked = job_pb2.ListJobsRequest(states=[job_pb2.JOB_STATE_QUEUED] * 17)
    assert (await refused(desk.stub.ListJobs(asked))).violations == {"states": "at most 16"}


async def test_delete_only_what_has_ended(fake: FakeExecutor, desk: Desk) -> None:
    id = await desk.submit("hold")
    await eventually(lambda: fake.running == 1)
    found = await refused(desk.stub.DeleteJob(job_pb2.DeleteJobRequest(id=id)))
    assert (found.reason, found.metadata["state"]) == ("JOB_NOT_DONE", "RUNNING")
    fake.release.set()
    await desk.ended(id)
    await desk.stub.DeleteJob(job_pb2.DeleteJobRequest(id=id))
    assert (await refused(desk.stub.GetJob(job_pb2.GetJobRequest(id=id)))).reason == "UNKNOWN_JOB"


async def test_lists_by_state_and_in_pages(fake: FakeExecutor, desk: Desk) -> None:
    made = [await desk.submit("echo") for _ in range(5)]
    bad = await desk.submit("fail")
    for id in (*made, bad):
        await desk.ended(id)
    asked = job_pb2.ListJobsRequest(page_size=2, states=[job_pb2.JOB_STATE_SUCCEEDED])
    found: list[str] = []
    while True:
        page = await desk.stub.ListJobs(asked)
        found += [job.id for job in page.jobs]
        if not page.next_page_token:
            break
        asked.page_token = page.next_page_token
    assert found == made[::-1]
    late = job_pb2.ListJobsRequest(created_from_ms=(await desk.get(bad)).created_ms)
    assert bad in [job.id for job in (await desk.stub.ListJobs(late)).jobs]


async def test_a_job_whose_time_is_over_expires(fake: FakeExecutor, desk: Desk) -> None:
    runs = await desk.submit("hold", timeout_ms=300)
    job = await desk.ended(runs)
    assert (state(job), reason(job)) == ("EXPIRED", "DEADLINE_EXCEEDED")


async def test_cut_off_again_where_it_may_run_again(fake: FakeExecutor, desk: Desk) -> None:
    lost = await desk.ended(await desk.submit("break started"))
    assert (state(lost), reason(lost), lost.attempts) == ("LOST", "EXECUTOR_LOST", 1)
    dead = await desk.ended(await desk.submit("break started", idempotent=True, max_attempts=2))
    assert (state(dead), reason(dead), dead.attempts) == ("DEAD", "EXECUTOR_LOST", 2)


async def test_jobs_leave_a_slot_to_those_who_wait(fake: FakeExecutor, gate: House) -> None:
    desk = Desk(gate)
    held = [await desk.submit("hold") for _ in range(6)]
    await eventually(lambda: fake.running == 1)
    for _ in range(20):
        await gate.call()
    assert fake.most_running == 2
    fake.release.set()
    for id in held:
        assert state(await desk.ended(id)) == "SUCCEEDED"


async def test_a_tenants_many_jobs_wait_and_no_more(fake: FakeExecutor) -> None:
    async with house({"fake": fake.port}, max_waiting_jobs=2) as gate:
        desk = Desk(gate)
        calls = [desk.submitting("hold") for _ in range(12)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        refusals = [each for each in answers if isinstance(each, grpc.aio.AioRpcError)]
        assert refusals
        for each in refusals:
            found = Refusal(each)
            assert (found.reason, found.metadata["limit"]) == ("QUOTA_EXCEEDED", "2")
        fake.release.set()


async def test_large_ones_are_files_and_go_with_the_job(
    fake: FakeExecutor, tmp_path: Path, kept: str
) -> None:
    # Beside a SQLite database they are files by themselves, in just this folder.
    folder = None if kept.startswith("sqlite") else tmp_path / "kept/jobs"
    async with house({"fake": fake.port}, database=kept, job_files=folder) as gate:
        desk = Desk(gate)
        data = os.urandom(200_000)
        inputs = {
            "x": tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_UINT8, shape=[200_000], data=data)
        }
        id = await desk.submit(work=request(inputs=inputs))
        job = await desk.ended(id)
        assert job.response.outputs["x"].data == data
        files = [path for path in (tmp_path / "kept/jobs").rglob("*") if path.is_file()]
        assert {path.suffix for path in files} == {".request", ".result"}
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
        await desk.stub.DeleteJob(job_pb2.DeleteJobRequest(id=id))
        assert not [path for path in (tmp_path / "kept/jobs").rglob("*") if path.is_file()]


async def test_jobs_wait_for_an_executor_that_is_away(kept: str) -> None:
    process = await Process.start()
    async with house({"fake": process.port}, database=kept) as gate:
        desk = Desk(gate)
        await process.kill()
        ids = [await desk.submit("echo") for _ in range(5)]
        process = await Process.start(process.port)
        for id in ids:
            assert state(await desk.ended(id)) == "SUCCEEDED"
        await process.kill()


async def test_the_next_life_of_a_gateway_goes_on(fake: FakeExecutor, kept: str) -> None:
    settings: dict[str, Any] = {
        "database": kept,
        "job_lease_s": LEASE_S,
        "drain_s": 0.1,
    }
    async with house({"fake": fake.port}, **settings) as gate:
        desk = Desk(gate)
        again = await desk.submit("hold", idempotent=True)
        await eventually(lambda: fake.running == 1)
        waits = [await desk.submit("echo") for _ in range(8)]
    fake.release.set()
    async with house({"fake": fake.port}, **settings) as gate:
        desk = Desk(gate)
        for id in (again, *waits):
            assert state(await desk.ended(id)) == "SUCCEEDED"


async def test_metrics_tell_of_jobs(fake: FakeExecutor, gate: House) -> None:
    desk = Desk(gate)

    def figure(name: str, **labels: str) -> float | None:
        return gate.mesh.metrics.registry.get_sample_value(f"edgemesh_{name}", labels)

    assert figure("jobs_ended_total", state="succeeded") == 0
    held = [await desk.submit("hold", request_id=f"h{number}") for number in range(12)]
    assert await desk.submit("hold", request_id="h0") == held[0]
    assert figure("jobs_accepted_total") == 12
    await eventually(lambda: (figure("jobs", state="running") or 0) > 0)
    await eventually(lambda: (figure("jobs_oldest_waiting_seconds") or 0) > 0)
    queued, running = figure("jobs", state="queued"), figure("jobs", state="running")
    assert queued
    assert running
    assert queued + running == 12
    for _ in range(2):
        await desk.stub.CancelJob(job_pb2.CancelJobRequest(id=held[-1]))
    assert figure("jobs_ended_total", state="cancelled") == 1
    fake.release.set()
    for id in held[:-1]:
        await desk.ended(id)
    await desk.ended(await desk.submit("break started", idempotent=True, max_attempts=2))
    await eventually(lambda: figure("jobs_ended_total", state="dead") == 1)
    assert figure("jobs_ended_total", state="succeeded") == 11
    assert figure("job_attempts_total", end="ended") == 12
    assert figure("job_attempts_total", end="again") == 1
    assert figure("job_seconds_count") == 13
    await eventually(lambda: figure("jobs", state="queued") == 0)
    assert figure("jobs_oldest_waiting_seconds") == 0

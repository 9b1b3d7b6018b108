"""Schedules through a whole gateway, whose clock goes as the tests say."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import grpc
import httpx
import pytest
from edgemesh.compute.v1 import job_pb2, schedule_pb2, schedule_pb2_grpc
from fake_executor import FakeExecutor
from house import PATIENCE_S, House, eventually, house, http, refused, request
from prometheus_client import CollectorRegistry
from test_job_store import record
from test_jobs import Desk, state
from test_store import database, url

from edgemesh_gateway.jobs.figures import Figures
from edgemesh_gateway.schedules import timetable
from edgemesh_gateway.schedules.service import SERVICE
from edgemesh_gateway.schedules.timetable import Timetable
from edgemesh_gateway.store import Database, JobStore, ScheduleStore
from edgemesh_gateway.store.job_terms import Asked
from edgemesh_gateway.store.schedule_records import ScheduleRecord

__all__ = ["database", "url"]
MINUTE = 60_000
START = int(datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC).timestamp() * 1000)
ONCE = schedule_pb2.MISSED_FIRINGS_ONCE


class Clock:
    """Milliseconds, which pass when told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timetable, "POLL_S", 0.01)


class Schedules(Desk):
    """A gateway's ScheduleService beside its jobs."""

    def __init__(self, gate: House) -> None:
        super().__init__(gate)
        self.schedules: Any = schedule_pb2_grpc.ScheduleServiceStub(gate.channel)

    def creating(self, id: str = "s", cron: str = "* * * * *", **fields: Any) -> Any:
        job = fields.pop("job", None) or job_pb2.SubmitJobRequest(request=request(do="echo"))
        asked = schedule_pb2.CreateScheduleRequest(id=id, cron=cron, job=job, **fields)
        return self.schedules.CreateSchedule(asked, timeout=PATIENCE_S)

    async def schedule(self, id: str = "s") -> schedule_pb2.Schedule:
        asked = schedule_pb2.GetScheduleRequest(id=id)
        return (await self.schedules.GetSchedule(asked)).schedule

    async def moved(self, since_ms: int) -> schedule_pb2.Schedule:
        """The schedule when its next time is another."""
        async with asyncio.timeout(PATIENCE_S):
            while (found := await self.schedule()).next_ms == since_ms:
                await asyncio.sleep(0.01)
        return found

    async def made(self) -> list[str]:
        return [
            job.request_id for job in (await self.stub.ListJobs(job_pb2.ListJobsRequest())).jobs
        ]


async def test_each_time_makes_one_job(fake: FakeExecutor) -> None:
    clock = Clock()
    async with house({"fake": fake.port}, clock=clock) as gate:
        desk = Schedules(gate)
        made = (await desk.creating()).schedule
        assert made.next_ms == START + 30_000
        assert (made.time_zone, made.missed) == ("UTC", schedule_pb2.MISSED_FIRINGS_SKIP)
        assert await desk.made() == []
        clock.now = made.next_ms
        found = await desk.moved(made.next_ms)
        assert (found.fired, found.last_ms) == (1, made.next_ms)
        assert state(await desk.ended(found.last_job)) == "SUCCEEDED"
        clock.now = found.next_ms + 5
        await desk.moved(found.next_ms)
        assert await desk.made() == ["schedule.s.20260101T0002Z", "schedule.s.20260101T0001Z"]
        registry = gate.mesh.metrics.registry
        end = {"end": "made"}  # counted when it is written down
        counted = "edgemesh_schedule_firings_total"
        await eventually(lambda: registry.get_sample_value(counted, end) == 2)


async def test_paused_nothing_comes_and_resumed_nothing_is_caught_up(fake: FakeExecutor) -> None:
    clock = Clock()
    async with house({"fake": fake.port}, clock=clock) as gate:
        desk = Schedules(gate)
        await desk.creating(missed=ONCE, paused=True)
        clock.now += 10 * MINUTE
        asked = schedule_pb2.ResumeScheduleRequest(id="s")
        resumed = (await desk.schedules.ResumeSchedule(asked)).schedule
        assert (resumed.next_ms, resumed.paused) == (clock.now + 30_000, False)
        pause = schedule_pb2.PauseScheduleRequest(id="s")
        paused = (await desk.schedules.PauseSchedule(pause)).schedule
        assert (paused.next_ms, paused.paused) == (0, True)
        await desk.schedules.ResumeSchedule(asked)
        clock.now = resumed.next_ms
        assert (await desk.moved(resumed.next_ms)).fired == 1
        assert await desk.made() == ["schedule.s.20260101T0011Z"]


async def test_what_a_gateway_that_was_away_has_missed(fake: FakeExecutor, kept: str) -> None:
    clock = Clock()
    async with house({"fake": fake.port}, clock=clock, database=kept) as gate:
        desk = Schedules(gate)
        first = (await desk.creating(missed=ONCE)).schedule.next_ms
        await desk.creating("hourly", "0 * * * *")
    clock.now += 75 * MINUTE
    async with house({"fake": fake.port}, clock=clock, database=kept) as gate:
        desk = Schedules(gate)
        found = await desk.moved(first)
        assert (found.fired, found.skipped) == (1, 74)
        hourly = await desk.schedule("hourly")
        assert (hourly.fired, hourly.skipped) == (0, 1)
        assert await desk.made() == ["schedule.s.20260101T0115Z"]


async def test_what_is_wrong_is_told_with_its_field(fake: FakeExecutor) -> None:
    async with house({"fake": fake.port}, max_schedules=1) as gate:
        desk = Schedules(gate)
        job = job_pb2.SubmitJobRequest(request_id="r", request=request(do="echo"))
        found = await refused(desk.creating("a b", "* *", time_zone="Berlin", job=job))
        assert set(found.violations) == {"id", "cron", "time_zone", "job.request_id"}
        job = job_pb2.SubmitJobRequest(max_attempts=101, request=request(do="echo"))
        job.webhook.url = "https://hooks.example/"
        found = await refused(desk.creating(job=job))
        assert set(found.violations) == {"job.max_attempts", "job.webhook.url"}
        job = job_pb2.SubmitJobRequest(request=request("fake.ecco"))
        found = await refused(desk.creating(job=job))
        assert (found.reason, found.metadata["nearest"]) == ("UNKNOWN_ALGORITHM", "fake.echo")
        job = job_pb2.SubmitJobRequest(request=request(parameters=" " * 70_000))
        assert set((await refused(desk.creating(job=job))).violations) == {"job.request"}
        found = await refused(desk.schedules.CreateSchedule(schedule_pb2.CreateScheduleRequest()))
        assert {"id", "cron", "job"} <= set(found.violations)
        await desk.creating()
        assert (await desk.creating()).schedule.id == "s"
        found = await refused(desk.creating(cron="0 * * * *"))
        assert (found.code, found.reason) == (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS")
        found = await refused(desk.creating("other"))
        assert (found.reason, found.metadata["limit"]) == ("QUOTA_EXCEEDED", "1")
        await desk.schedules.DeleteSchedule(schedule_pb2.DeleteScheduleRequest(id="s"))
        for method in ("Get", "Pause", "Resume", "Delete"):
            ask = getattr(schedule_pb2, f"{method}ScheduleRequest")(id="s")
            found = await refused(getattr(desk.schedules, f"{method}Schedule")(ask))
            assert (found.reason, found.metadata["schedule"]) == ("UNKNOWN_SCHEDULE", "s")


async def test_a_time_without_room_says_so_and_the_next_one_comes(fake: FakeExecutor) -> None:
    clock = Clock()
    async with house({"fake": fake.port}, clock=clock, max_waiting_jobs=0) as gate:
        desk = Schedules(gate)
        clock.now = first = (await desk.creating()).schedule.next_ms
        found = await desk.moved(first)
        assert (found.fired, found.skipped) == (0, 1)
        assert found.last_error.startswith("QUOTA_EXCEEDED")
        assert found.next_ms == first + MINUTE


async def test_by_rest(fake: FakeExecutor) -> None:
    root = "/api/v1/schedules"
    async with house({"fake": fake.port}, rest_port=0) as gate, http(gate.mesh) as web:
        job = {"algorithm": "fake.echo", "parameters": {"do": "echo"}, "timeout_ms": 5}
        body = {"id": "s", "cron": "0 3 * * *", "time_zone": "Europe/Berlin", "job": job}
        made = await web.post(root, json=body)
        assert (made.status_code, made.headers["location"]) == (201, f"{root}/s")
        told = (await web.get(f"{root}/s")).json()
        assert (told["missed"], told["paused"], told["job"]["timeout_ms"]) == ("SKIP", False, 5)
        assert told["job"]["request"]["parameters"] == '{"do":"echo"}'
        assert (await web.post(f"{root}/s/pause")).json()["paused"] is True
        assert (await web.post(f"{root}/s/resume")).json()["paused"] is False
        (listed,) = (await web.get(root)).json()["schedules"]
        assert "parameters" not in listed["job"]["request"]
        bad: httpx.Response = await web.post(root, json={**body, "cron": "nightly"})
        assert bad.json()["violations"][0]["field"] == "cron"
        assert (await web.delete(f"{root}/s")).status_code == 204
        assert (await web.get(f"{root}/s")).json()["reason"] == "UNKNOWN_SCHEDULE"


def schedule(id: str, tenant: str = "ann") -> ScheduleRecord:
    template = (
        '{"who": "key:a", "scopes": "[[\\"cpp.*\\"]]", "algorithm": "cpp.f", "namespace": "cpp",'
        ' "priority": 3, "state": 1, "idempotent": true, "max_attempts": 3, "timeout_ms": 50,'
        ' "attempt_timeout_ms": 0, "ttl_ms": 9, "digest": "d", "webhook": null}'
    )
    return ScheduleRecord(
        tenant=tenant,
        id=id,
        cron="* * * * *",
        time_zone="UTC",
        missed=ONCE,
        created_ms=START,
        due_ms=START + 30_000,
        template=template,
        request=b"r",
    )


async def test_several_gateways_make_one_job_of_each_time(database: Database) -> None:
    jobs = JobStore(database, 1000)
    store = ScheduleStore(database, jobs)
    clock = Clock()
    gateways: list[Timetable] = []
    for _ in range(4):
        registry = CollectorRegistry()
        figures = Figures(registry)
        gateways.append(
            Timetable(ScheduleStore(database, jobs), clock, lambda: None, figures, registry)
        )
    for number in range(10):
        await store.add(schedule(f"s{number}"), 1000)
    for _ in range(3):
        clock.now += MINUTE
        await asyncio.gather(*(each.look() for each in gateways))
        await asyncio.gather(*(each.look() for each in gateways))  # what was passed over
    made = await jobs.jobs("ann", Asked(most=1000))
    assert len(made) == 30
    assert len({job.request_id for job in made}) == 30
    job = made[0]
    assert (job.who, job.scopes, job.tenant) == ("key:a", '[["cpp.*"]]', "ann")
    assert job.deadline_ms == job.created_ms + 50
    fired = await store.list("ann", "", 100)
    assert [each.fired for each in fired] == [3] * 10


async def test_one_that_cannot_be_read_here_keeps_no_other_from_its_time(
    database: Database,
) -> None:
    jobs = JobStore(database, 1000)
    store = ScheduleStore(database, jobs)
    odd = schedule("a")
    odd.time_zone = "Nowhere/Known"
    await store.add(odd, 1000)
    await store.add(schedule("b"), 1000)
    firings = await store.fire(START + 30_000, 10, timetable.fire)
    assert [firing.made for firing in firings] == [False, True]
    found = await store.get("ann", "a")
    assert found is not None
    assert found.due_ms is None
    assert found.last_error.startswith("INTERNAL: it cannot be read")


async def test_a_job_that_has_the_name_already_is_the_times_own(database: Database) -> None:
    jobs = JobStore(database, 1000)
    store = ScheduleStore(database, jobs)
    await store.add(schedule("s"), 1000)
    mine = await jobs.submit(record(request_id="schedule.s.20260101T0001Z"))
    (firing,) = await store.fire(START + 30_000, 10, timetable.fire)
    assert not firing.made
    found = await store.get("ann", "s")
    assert found is not None
    assert (found.last_job, found.fired) == (mine.id, 1)


def test_the_service_is_in_the_contract() -> None:
    assert SERVICE == "edgemesh.compute.v1.ScheduleService"

"""What the database promises of jobs, on each that may hold them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from edgemesh.compute.v1 import job_pb2
from sqlalchemy.exc import SQLAlchemyError
from test_store import database, url

from edgemesh_gateway.jobs.ids import job_id
from edgemesh_gateway.store import Database, JobStore
from edgemesh_gateway.store.job_records import JobRecord
from edgemesh_gateway.store.job_terms import Change, Claim, Ended, Happening, Standing
from edgemesh_gateway.store.store import Full
from edgemesh_gateway.store.trouble import is_full

__all__ = ["database", "url"]
DONE = job_pb2.JOB_STATE_SUCCEEDED
LATER = 10**6


@pytest.fixture
def jobs(database: Database) -> JobStore:
    return JobStore(database, 1000)


def record(tenant: str = "ann", namespace: str = "cpp", **fields: Any) -> JobRecord:
    given: dict[str, Any] = {
        "id": job_id(1),
        "tenant": tenant,
        "request_id": None,
        "algorithm": f"{namespace}.f",
        "namespace": namespace,
        "priority": 3,
        "state": job_pb2.JOB_STATE_QUEUED,
        "idempotent": True,
        "max_attempts": 2,
        "created_ms": 1,
        "deadline_ms": None,
        "timeout_ms": 0,
        "attempt_timeout_ms": 0,
        "ttl_ms": LATER,
        "digest": "d",
        "request": b"r",
    }
    return JobRecord(**given | fields)


def claim(owner: str = "a" * 32, now: int = 10, **fields: Any) -> Claim:
    given: dict[str, Any] = {
        "until_ms": now + 100,
        "executors": {"cpp": "cpp", "ml": "ml"},
        "places": {"cpp": 4, "ml": 1},
    }
    return Claim(owner, now, **given | fields)


def end(job: JobRecord) -> Change:
    assert job.owner is not None
    fields = {"state": DONE, "owner": None, "ended_ms": 20, "expires_ms": 30}
    happening = Happening(job.last_event + 1, 20, job.attempts, DONE)
    return Change(job.id, job.owner, job.attempts, fields, [happening])


async def test_two_who_claim_at_once_share_nothing(database: Database) -> None:
    one, two = JobStore(database, 1000), JobStore(database, 1000)
    made = [await one.submit(record()) for _ in range(40)]
    claims = [store.claim(claim(owner * 32)) for owner in "abcdefghij" for store in (one, two)]
    taken = [job.id for got in await asyncio.gather(*claims) for job in got.jobs]
    assert len(taken) == len(set(taken))
    assert set(taken) <= {job.id for job in made}
    # Rows that another held at that moment were passed over, for the next claim.
    while got := (await one.claim(claim("z" * 32))).jobs:
        taken += [job.id for job in got]
    assert len(taken) == len(set(taken)) == 40


async def test_each_tenant_has_its_turn_and_no_executor_holds_up_another(jobs: JobStore) -> None:
    for _ in range(50):
        await jobs.submit(record("ann"))
    await jobs.submit(record("bob"))
    await jobs.submit(record("bob", "ml"))
    got = await jobs.claim(claim(places={"cpp": 8, "ml": 1}))
    assert [job.namespace for job in got.jobs].count("ml") == 1
    assert sum(job.tenant == "bob" for job in got.jobs) == 2
    assert len(got.jobs) == 9


async def test_only_its_owner_ends_a_job_and_only_once(jobs: JobStore) -> None:
    kept = await jobs.submit(record())
    (job,) = (await jobs.claim(claim())).jobs
    # Its lease passes, and another takes it.
    swept = await jobs.sweep("b" * 32, 1000, None, b"", b"")
    assert swept.ended == [kept.id]
    (again,) = (await jobs.claim(claim("b" * 32, 1001))).jobs
    assert again.attempts == 2
    assert not await jobs.change(end(job))
    assert await jobs.change(end(again))
    assert not await jobs.change(end(again))
    events = await jobs.events(kept.id, 0, 100)
    assert [each.sequence for each in events] == [2, 3, 4, 5]
    assert [each.state for each in events] == [2, 1, 2, DONE]


async def test_what_was_begun_and_may_not_run_again_is_lost(jobs: JobStore) -> None:
    kept = await jobs.submit(record(idempotent=False))
    (job,) = (await jobs.claim(claim())).jobs
    assert await jobs.change(Change(job.id, "a" * 32, job.attempts, {"begun": True}))
    await jobs.sweep("b" * 32, 1000, None, b"expired", b"lost")
    found = await jobs.job("ann", kept.id, light=False)
    assert found is not None
    assert (found.state, found.result) == (job_pb2.JOB_STATE_LOST, b"lost")


async def test_what_surely_was_not_sent_was_no_attempt(jobs: JobStore) -> None:
    kept = await jobs.submit(record(idempotent=False, max_attempts=1))
    for life in range(3):
        (job,) = (await jobs.claim(claim("abc"[life] * 32, 1000 * life))).jobs
        assert (job.id, job.attempts) == (kept.id, 1)
        await jobs.sweep("z" * 32, 1000 * life + 900, None, b"expired", b"lost")
    found = await jobs.job("ann", kept.id)
    assert found is not None
    assert (found.state, found.attempts) == (job_pb2.JOB_STATE_QUEUED, 0)


async def test_whose_end_was_asked_for_meanwhile_is_not_queued_again(jobs: JobStore) -> None:
    kept = await jobs.submit(record())
    (job,) = (await jobs.claim(claim())).jobs
    await jobs.cancel("ann", kept.id, 15, b"cancelled")  # by another gateway
    fields = {"state": job_pb2.JOB_STATE_QUEUED, "owner": None, "last_event": job.last_event + 1}
    again = Happening(job.last_event + 1, 20, 1, job_pb2.JOB_STATE_QUEUED)
    assert await jobs.change(Change(job.id, "a" * 32, 1, fields, [again]))
    found = await jobs.job("ann", kept.id, light=False)
    assert found is not None
    assert (found.state, found.ended_ms) == (job_pb2.JOB_STATE_CANCELLED, 20)
    assert [each.state for each in await jobs.events(kept.id, 0, 100)][-1] == found.state
    assert not (await jobs.claim(claim("b" * 32, 1001))).jobs


async def test_a_lease_that_is_renewed_is_kept(jobs: JobStore) -> None:
    await jobs.submit(record())
    await jobs.claim(claim())
    await jobs.sweep("a" * 32, 100, 2000, b"", b"")
    assert not (await jobs.sweep("b" * 32, 1000, None, b"", b"")).ended


async def test_as_many_wait_as_may(database: Database) -> None:
    jobs = JobStore(database, 3)
    answers = await asyncio.gather(
        *(jobs.submit(record()) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(each, Full) for each in answers) == 2
    await jobs.submit(record("bob"))


async def test_what_is_old_is_forgotten_with_its_events(jobs: JobStore) -> None:
    kept = await jobs.submit(record())
    (job,) = (await jobs.claim(claim())).jobs
    await jobs.change(end(job))
    swept = await jobs.sweep("a" * 32, 31, None, b"", b"")
    assert swept.forgotten == [kept.id]
    assert await jobs.job("ann", kept.id) is None
    assert not await jobs.events(kept.id, 0, 10)


async def test_a_full_disk_refuses_and_loses_nothing(tmp_path: Any) -> None:
    kept = Database(f"sqlite:///{tmp_path}/gateway.db")
    jobs = JobStore(kept, LATER)
    pages: list[int] = []

    def limit(session: Any) -> None:
        connection = session.connection()
        pages.append(connection.exec_driver_sql("PRAGMA page_count").scalar())
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages[0] + 40}")

    await kept.run(limit)
    acknowledged: list[str] = []

    async def fill() -> None:
        while True:
            acknowledged.append((await jobs.submit(record(request=bytes(20_000)))).id)

    with pytest.raises(SQLAlchemyError) as caught:
        await fill()
    assert is_full(caught.value)
    assert acknowledged
    assert await jobs.known(acknowledged) == set(acknowledged)
    kept.close()


async def test_what_waits_and_runs_and_who_was_taken_over(jobs: JobStore) -> None:
    assert await jobs.standing() == Standing()
    for at in (7, 5):
        await jobs.submit(record(id=job_id(at), created_ms=at, max_attempts=1))
    late = await jobs.submit(record(id=job_id(9), created_ms=9, deadline_ms=500))
    assert await jobs.standing() == Standing(queued=3, first_ms=5)
    (job,) = (await jobs.claim(claim(places={"cpp": 1}))).jobs
    assert await jobs.standing() == Standing(queued=2, running=1, first_ms=7)
    swept = await jobs.sweep("b" * 32, 1000, None, b"", b"")
    dead, expired = job_pb2.JOB_STATE_DEAD, job_pb2.JOB_STATE_EXPIRED
    assert swept.ends == [Ended(dead, job.created_ms, 1000), Ended(expired, 9, 1000)]
    assert (swept.ended, swept.taken_over) == ([job.id, late.id], 1)

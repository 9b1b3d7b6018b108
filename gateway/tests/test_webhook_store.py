"""What the database promises of webhooks, on each that may hold them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from edgemesh.compute.v1 import job_pb2
from test_job_store import claim, record
from test_store import database, url

from edgemesh_gateway.jobs.attempt import error_bytes
from edgemesh_gateway.store import Database, JobStore, WebhookStore
from edgemesh_gateway.store.job_records import ERROR
from edgemesh_gateway.store.job_terms import Change, Happening
from mesh_service import errors

__all__ = ["database", "url"]
URL = "https://hooks.example/"
DELIVERED, PENDING = job_pb2.WEBHOOK_STATE_DELIVERED, job_pb2.WEBHOOK_STATE_PENDING


@pytest.fixture
def jobs(database: Database) -> JobStore:
    return JobStore(database, 1000)


@pytest.fixture
def webhooks(database: Database) -> WebhookStore:
    return WebhookStore(database)


async def cancelled(jobs: JobStore, tenant: str = "ann") -> str:
    """A job whose webhook is owed."""
    job = await jobs.submit(record(tenant, webhook=URL))
    await jobs.cancel(tenant, job.id, 20, error_bytes(errors.Cancelled()))
    return job.id


async def test_it_is_owed_with_each_kind_of_end(jobs: JobStore, webhooks: WebhookStore) -> None:
    kinds: list[dict[str, Any]] = [{"request_id": "r"}, {"namespace": "x", "deadline_ms": 900}, {}]
    made = [await jobs.submit(record(webhook=URL, max_attempts=1, **more)) for more in kinds]
    ended, late, lost = made
    quiet = await jobs.submit(record())
    first = (await jobs.claim(claim())).jobs[0]
    assert first.id == ended.id
    assert first.owner is not None
    fields = {
        "state": job_pb2.JOB_STATE_FAILED,
        "owner": None,
        "ended_ms": 20,
        "expires_ms": 10**9,
        "result_kind": ERROR,
        "result": error_bytes(errors.UnknownAlgorithm("cpp.f")),
    }
    happening = Happening(first.last_event + 1, 20, 1, job_pb2.JOB_STATE_FAILED)
    assert await jobs.change(Change(first.id, first.owner, 1, fields, [happening], ends=True))
    assert not await jobs.change(Change(first.id, first.owner, 1, fields, [happening], ends=True))
    await jobs.sweep("b" * 32, 1000, None, error_bytes(errors.DeadlineExceeded("job")), b"")
    taken = await webhooks.claim(1000, 2000, 10, 10, {})
    told = {each.job: json.loads(each.body) for each in taken}
    assert set(told) == {ended.id, late.id, lost.id}
    assert quiet.id not in told
    assert told[ended.id] == {
        "type": "job.failed",
        "timestamp": "1970-01-01T00:00:00.020Z",
        "data": {
            "job": ended.id,
            "request_id": "r",
            "algorithm": "cpp.f",
            "state": "FAILED",
            "attempts": 1,
            "created_ms": 1,
            "ended_ms": 20,
            "error": {
                "reason": "UNKNOWN_ALGORITHM",
                "message": "no executor offers algorithm 'cpp.f'",
            },
        },
    }
    assert told[late.id]["data"]["error"]["reason"] == "DEADLINE_EXCEEDED"
    assert told[lost.id]["type"] == "job.dead"


async def test_two_who_claim_at_once_send_nothing_twice(
    jobs: JobStore, webhooks: WebhookStore
) -> None:
    owed = {await cancelled(jobs) for _ in range(20)}
    claims = [webhooks.claim(100, 200, 5, 5, {}) for _ in range(8)]
    taken = [each.job for got in await asyncio.gather(*claims) for each in got]
    while got := await webhooks.claim(100, 200, 20, 20, {}):
        taken += [each.job for each in got]
    assert len(taken) == len(set(taken))
    assert set(taken) == owed


async def test_who_dies_meanwhile_has_another_send_it(
    jobs: JobStore, webhooks: WebhookStore
) -> None:
    id = await cancelled(jobs)
    await webhooks.claim(100, 200, 5, 5, {})
    assert not await webhooks.claim(199, 300, 5, 5, {})
    (again,) = await webhooks.claim(200, 300, 5, 5, {})
    assert (again.job, again.tries) == (id, 2)
    done = {"state": DELIVERED, "ended_ms": 210, "due_ms": 210}
    assert not await webhooks.settle(id, 1, done)
    assert await webhooks.waiting() == 1
    assert await webhooks.settle(id, 2, done)
    assert await webhooks.waiting() == 0
    assert not await webhooks.claim(10**6, 10**7, 5, 5, {})


async def test_one_tenant_holds_up_nobody_else(jobs: JobStore, webhooks: WebhookStore) -> None:
    for _ in range(30):
        await cancelled(jobs)
    other = await cancelled(jobs, "bob")
    taken = await webhooks.claim(100, 200, 10, 4, {"ann": 2})
    assert [each.tenant for each in taken].count("ann") == 2
    assert other in [each.job for each in taken]
    assert not await webhooks.claim(100, 200, 10, 4, {"ann": 4, "bob": 1})


async def test_what_is_owed_outlives_its_job(jobs: JobStore, webhooks: WebhookStore) -> None:
    id = await cancelled(jobs)
    await jobs.delete("ann", id)
    (owed,) = await webhooks.claim(100, 200, 5, 5, {})
    assert await webhooks.settle(id, 1, {"state": PENDING, "ended_ms": 0, "due_ms": 300})
    assert set(await webhooks.of([id])) == {owed.job}
    await webhooks.claim(300, 400, 5, 5, {})
    assert await webhooks.settle(id, 2, {"state": DELIVERED, "ended_ms": 310})
    assert await webhooks.of([id]) == {}


async def test_what_was_told_goes_with_its_job(jobs: JobStore, webhooks: WebhookStore) -> None:
    id = await cancelled(jobs)
    await webhooks.claim(100, 200, 5, 5, {})
    assert await webhooks.settle(id, 1, {"state": DELIVERED, "ended_ms": 110})
    assert set(await webhooks.of([id])) == {id}
    await jobs.delete("ann", id)
    assert await webhooks.of([id]) == {}

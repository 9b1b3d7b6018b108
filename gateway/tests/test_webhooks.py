"""Webhooks through a whole gateway: refused where the operator says so, told, told again."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from edgemesh.compute.v1 import job_pb2
from fake_executor import FakeExecutor
from house import PATIENCE_S, eventually, house, refused
from receiver import Receiver
from standardwebhooks import Webhook
from test_jobs import Desk
from test_webhook_terms import SECRET, kept

LOCAL = ("127.0.0.1:*",)


def settings(folder: Path, **more: Any) -> dict[str, Any]:
    """A gateway's whose webhooks may be told on this machine."""
    secrets = kept(folder, f'[secrets]\nlocal = "{SECRET}"\n')
    given = {"webhook_internal_hosts": LOCAL, "webhook_secrets": secrets, "webhook_pause_s": 0.05}
    return {**given, **more}


def webhook(receiver: Receiver | int) -> job_pb2.Webhook:
    port = receiver if isinstance(receiver, int) else receiver.port
    return job_pb2.Webhook(url=f"http://127.0.0.1:{port}/told?key=open-sesame")


async def told(desk: Desk, id: str, least: int = job_pb2.WEBHOOK_STATE_DELIVERED) -> Any:
    """A job's delivery, as soon as it is so far."""
    async with asyncio.timeout(PATIENCE_S):
        while (found := (await desk.get(id)).webhook).state < least:
            await asyncio.sleep(0.01)
    return found


async def test_a_jobs_end_is_told_signed_and_once(
    fake: FakeExecutor, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    receiver = await Receiver().start()
    async with house({"fake": fake.port}, **settings(tmp_path)) as gate:
        desk = Desk(gate)
        id = await desk.submit("echo", request_id="mine", webhook=webhook(receiver))
        await receiver.had(1)
        found = await told(desk, id)
        assert (found.state, found.tries, found.last_status) == (
            job_pb2.WEBHOOK_STATE_DELIVERED,
            1,
            204,
        )
        listed = await desk.stub.ListJobs(job_pb2.ListJobsRequest())
        assert listed.jobs[0].webhook == found
        registry = gate.mesh.metrics.registry
        delivered = {"end": "delivered"}
        assert registry.get_sample_value("edgemesh_webhook_tries_total", delivered) == 1
    (got,) = receiver.requests
    content = Webhook(SECRET).verify(got.body, got.headers)
    assert content == json.loads(got.body)
    assert content["type"] == "job.succeeded"
    assert (content["data"]["job"], content["data"]["request_id"]) == (id, "mine")
    assert got.headers["webhook-id"] == f"msg_{id}"
    logged = "".join(capfd.readouterr())
    for secret in (SECRET, SECRET.removeprefix("whsec_"), "open-sesame"):
        assert secret not in logged
    await receiver.stop()


async def test_it_is_told_again_until_it_is_taken(fake: FakeExecutor, tmp_path: Path) -> None:
    receiver = await Receiver(500, 302, headers="location: http://127.0.0.1:1/\r\n").start()
    async with house({"fake": fake.port}, **settings(tmp_path)) as gate:
        desk = Desk(gate)
        id = await desk.submit("fail", webhook=webhook(receiver))
        found = await told(desk, id)
        assert (found.tries, found.last_error) == (3, "")
    requests = receiver.requests
    assert len({got.headers["webhook-id"] for got in requests}) == 1
    assert len({got.body for got in requests}) == 1
    content = Webhook(SECRET).verify(requests[-1].body, requests[-1].headers)
    assert content["data"]["error"]["reason"] == "INVALID_PARAMETER"
    await receiver.stop()


async def test_what_fails_is_seen_in_the_job_and_given_up(
    fake: FakeExecutor, tmp_path: Path
) -> None:
    receiver = await Receiver(500).start()
    await receiver.stop()
    given = settings(tmp_path, webhook_pause_s=0.3, webhook_patience_s=1.0)
    async with house({"fake": fake.port}, **given) as gate:
        desk = Desk(gate)
        held = await desk.submit("hold", webhook=webhook(receiver))
        assert (await desk.get(held)).webhook.state == job_pb2.WEBHOOK_STATE_WAITING
        fake.release.set()
        id = await desk.submit("echo", webhook=webhook(receiver))
        await desk.ended(id)
        found = await told(desk, id, job_pb2.WEBHOOK_STATE_PENDING)
        async with asyncio.timeout(PATIENCE_S):
            while not found.last_error:
                await asyncio.sleep(0.01)
                found = (await desk.get(id)).webhook
        assert found.next_ms > 0
        found = await told(desk, id, job_pb2.WEBHOOK_STATE_GIVEN_UP)
        assert (found.last_error, found.last_status) == ("it refuses the connection", 0)
        assert found.tries >= 2
        registry = gate.mesh.metrics.registry
        gone = {"end": "given_up"}
        await eventually(
            lambda: (registry.get_sample_value("edgemesh_webhook_tries_total", gone) or 0) >= 1
        )


async def test_the_next_life_of_a_gateway_tells_what_is_owed(
    fake: FakeExecutor, tmp_path: Path, kept: str
) -> None:
    receiver = await Receiver(500).start()
    port = receiver.port
    given = settings(tmp_path, database=kept, webhook_pause_s=0.5)
    async with house({"fake": fake.port}, **given) as gate:
        id = await Desk(gate).submit("echo", webhook=webhook(port))
        await receiver.had(1)
    await receiver.stop()
    receiver = await Receiver().start(port=port)
    async with house({"fake": fake.port}, **given) as gate:
        await receiver.had(1)
        found = await told(Desk(gate), id)
        assert found.tries >= 2
    await receiver.stop()


async def test_what_an_operator_has_not_allowed_is_refused_with_its_field(
    fake: FakeExecutor, tmp_path: Path
) -> None:
    async with house({"fake": fake.port}) as gate:
        asked = job_pb2.Webhook(url="https://hooks.example/")
        found = await refused(Desk(gate).submitting("echo", webhook=asked))
        assert found.reason == "INVALID_REQUEST"
        assert "allowed no host" in found.violations["webhook.url"]
    given = settings(tmp_path, webhook_hosts=("hooks.example",), webhook_internal_hosts=())
    async with house({"fake": fake.port}, **given) as gate:
        desk = Desk(gate)
        for url in ("http://127.0.0.1:1/", "https://localhost/", "", "https://hooks.example:1/"):
            asked = job_pb2.Webhook(url=url)
            found = await refused(desk.submitting("echo", webhook=asked, max_attempts=101))
            assert set(found.violations) == {"webhook.url", "max_attempts"}
    kept(tmp_path, f'[secrets]\nbob = "{SECRET}"\n')
    async with house({"fake": fake.port}, **given) as gate:
        asked = job_pb2.Webhook(url="https://hooks.example/")
        found = await refused(Desk(gate).submitting("echo", webhook=asked))
        assert "no secret" in found.violations["webhook.url"]


async def test_another_url_is_another_job(fake: FakeExecutor, tmp_path: Path) -> None:
    receiver = await Receiver().start()
    async with house({"fake": fake.port}, **settings(tmp_path)) as gate:
        desk = Desk(gate)
        await desk.submit("echo", request_id="r", webhook=webhook(receiver))
        found = await refused(desk.submitting("echo", request_id="r", webhook=webhook(1)))
        assert (found.reason, found.metadata["fields"]) == ("REQUEST_ID_TAKEN", "webhook.url")
    await receiver.stop()

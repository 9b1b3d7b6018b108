"""Three tenants over REST: limits, scopes and shares act as over gRPC, and the problem says so."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_executor import FakeExecutor
from house import House, eventually, figure, house, http
from test_tenants import POLICY, keys_file

SHARES = POLICY.replace("[tenants.physics]\n", "[tenants.physics]\nweight = 3\n")
HOLD = {"parameters": {"do": "hold"}}
BATCH = {"priority": "batch"}


class Web:
    """A gateway, and each tenant's client of its REST."""

    def __init__(self, gate: House, policy: Path) -> None:
        self.gate, self.policy = gate, policy

    async def post(
        self, tenant: str, json: Any, algorithm: str = "fake.echo", path: str = ""
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer key-of-{tenant}", "Edgemesh-Request-Id": tenant}
        async with http(self.gate.mesh, **headers) as client:
            return await client.post(path or f"/api/v1/compute/{algorithm}", json=json)

    async def problem(
        self, status: int, tenant: str, json: Any, algorithm: str = "fake.echo", path: str = ""
    ) -> dict[str, Any]:
        """What a call is refused with."""
        answer = await self.post(tenant, json, algorithm, path)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        told = answer.json()
        if "retry_after_ms" in told:
            assert int(answer.headers["retry-after"]) >= told["retry_after_ms"] / 1000
        return told


@pytest.fixture
def slots() -> int:
    return 4


@pytest.fixture
async def web(fake: FakeExecutor, tmp_path: Path, slots: int) -> AsyncIterator[Web]:
    policy = tmp_path / "policy.toml"
    policy.write_text(SHARES)
    await fake.offer("fake.echo", "fake.other", "secret.one", slots=slots)
    keys = keys_file(tmp_path / "keys.toml")
    given = {"api_keys": keys, "policy": policy, "rest_port": 0, "queue": 100}
    async with house({"fake": fake.port}, **given) as gate:
        yield Web(gate, policy)


async def test_scopes(web: Web) -> None:
    assert (await web.post("physics", {}, "fake.other")).json()["outcome"] == "OK"
    refused = await web.problem(403, "physics", {}, "secret.one")
    assert (refused["reason"], refused["metadata"]) == (
        "PERMISSION_DENIED",
        {"scope": "secret.one"},
    )
    asked = {"capabilities": ["call:fake.echo", "files:data"]}
    refused = await web.problem(403, "physics", asked)
    assert refused["metadata"] == {"scope": "capability:files:data"}
    refused = await web.problem(403, "chemistry", {})
    assert refused["metadata"] == {"scope": "class:interactive"}
    refused = await web.problem(403, "chemistry", {"algorithm": "fake.echo"}, path="/api/v1/jobs")
    assert refused["metadata"] == {"scope": "jobs:write"}
    stranger = await web.problem(401, "nobody", {})
    assert stranger["code"] == "UNAUTHENTICATED"


async def test_rate(web: Web) -> None:
    for _ in range(3):
        assert (await web.post("chemistry", BATCH)).status_code == 200
    refused = await web.problem(429, "chemistry", BATCH)
    assert (refused["reason"], refused["metadata"]) == ("RATE_LIMITED", {"limit": "3/hour"})
    assert [each["subject"] for each in refused["quota"]] == ["tenant:chemistry"]
    assert 3_500_000 < refused["retry_after_ms"] <= 3_600_000
    assert (await web.post("physics", {})).status_code == 200


async def test_calls_at_once(web: Web, fake: FakeExecutor) -> None:
    held = [asyncio.create_task(web.post("physics", HOLD)) for _ in range(2)]
    await eventually(lambda: fake.running == 2)
    refused = await web.problem(429, "physics", {})
    assert (refused["reason"], refused["metadata"]) == ("TOO_MANY_AT_ONCE", {"limit": "2"})
    assert [each["subject"] for each in refused["quota"]] == ["tenant:physics"]
    assert refused["retry_after_ms"] == 100
    assert (await web.post("biology", {})).status_code == 200
    fake.release.set()
    assert [(await each).status_code for each in held] == [200, 200]


async def test_payload(web: Web) -> None:
    large = {"inputs": {"x": {"dtype": "uint8", "data": [0] * 2_000}}}
    refused = await web.problem(413, "physics", large)
    assert (refused["reason"], refused["metadata"]["limit"]) == ("PAYLOAD_TOO_LARGE", "2000")
    assert int(refused["metadata"]["size"]) > 2000
    assert (await web.post("biology", large)).status_code == 200


async def test_compute_seconds(web: Web, fake: FakeExecutor) -> None:
    held = asyncio.create_task(web.post("biology", HOLD))
    await eventually(lambda: fake.running == 1)
    await asyncio.sleep(0.06)  # what is counted is time
    fake.release.set()
    assert (await held).status_code == 200
    async with asyncio.timeout(20):
        while (answer := await web.post("biology", {})).status_code == 200:
            pass
    refused = answer.json()
    assert answer.status_code == 429
    assert (refused["reason"], refused["metadata"]) == ("COMPUTE_SPENT", {"limit": "0.05"})
    assert [each["subject"] for each in refused["quota"]] == ["tenant:biology"]
    assert 1_000 <= refused["retry_after_ms"] <= 86_400_000


@pytest.mark.parametrize("slots", [1])
async def test_shares(web: Web, fake: FakeExecutor) -> None:
    unlimited = SHARES.replace("concurrency = 2\n", "").replace("0.05", "1000")
    web.policy.write_text(unlimited + "[tenants.seen]\n")
    seen = {"executor": "fake", "tenant": "seen"}
    value = web.gate.mesh.metrics.registry.get_sample_value
    await eventually(lambda: value("edgemesh_queue_tenant_requests", seen) == 0)
    calls = [asyncio.create_task(web.post("physics", HOLD))]
    await eventually(lambda: fake.running == 1)
    for number, tenant in enumerate(("biology", "physics"), 1):
        calls += [asyncio.create_task(web.post(tenant, HOLD)) for _ in range(20)]
        await eventually(lambda number=number: figure(web.gate, "edgemesh_waiting") == 20 * number)
    fake.release.set()
    assert {(await each).status_code for each in calls} == {200}
    ran = Counter(fake.tenants[1:17])
    assert ran == {"physics": 12, "biology": 4}

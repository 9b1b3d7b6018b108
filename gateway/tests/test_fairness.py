"""Tenants before one executor's slots: weights, limits of algorithms, and who is sent away."""

from __future__ import annotations

import asyncio
import hashlib
import urllib.request
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import compute_pb2
from fake_executor import FakeExecutor
from house import House, eventually, figure, house, refused, request

POLICY = """
[default]
[tenants.physics]
weight = 3
[tenants.chemistry]
"""
REALTIME, BATCH = compute_pb2.PRIORITY_REALTIME, compute_pb2.PRIORITY_BATCH


class Tenants:
    """A gateway whose executor has one slot, and callers of each tenant."""

    def __init__(self, gate: House, fake: FakeExecutor, policy: Path) -> None:
        self.gate, self.fake, self.policy = gate, fake, policy
        self.calls: list[Any] = []

    def call(self, tenant: str, count: int = 1, **fields: Any) -> Any:
        metadata = (("authorization", f"Bearer key-of-{tenant}"),)
        for _ in range(count):
            asked = request(request_id=tenant, **fields)
            self.calls.append(self.gate.compute.Compute(asked, metadata=metadata, timeout=60))
        return self.calls[-1]

    def waits(self, count: int) -> Any:
        return eventually(lambda: figure(self.gate, "edgemesh_waiting") == count)

    async def over(self) -> None:
        self.fake.release.set()
        await asyncio.gather(*self.calls)

    def of_tenant(self, tenant: str) -> float | None:
        labels = {"executor": "fake", "tenant": tenant}
        name = "edgemesh_queue_tenant_requests"
        return self.gate.mesh.metrics.registry.get_sample_value(name, labels)

    def of_class(self, name: str, rank: str) -> float | None:
        labels = {"executor": "fake", "class": rank}
        return self.gate.mesh.metrics.registry.get_sample_value(name, labels)


@asynccontextmanager
async def serving(
    fake: FakeExecutor, folder: Path, content: str, slots: int = 1
) -> AsyncGenerator[Tenants]:
    policy, keys = folder / "policy.toml", folder / "keys.toml"
    policy.write_text(content)
    names = ("physics", "chemistry", "history")
    digests = {name: hashlib.sha256(f"key-of-{name}".encode()).hexdigest() for name in names}
    keys.write_text(
        "".join(f'[[keys]]\ntenant = "{t}"\nsha256 = "{d}"\n' for t, d in digests.items())
    )
    await fake.offer("fake.echo", "fake.other", slots=slots)
    async with house({"fake": fake.port}, api_keys=keys, policy=policy, queue=100) as gate:
        yield Tenants(gate, fake, policy)


@pytest.fixture
async def tenants(fake: FakeExecutor, tmp_path: Path) -> AsyncIterator[Tenants]:
    async with serving(fake, tmp_path, POLICY) as running:
        yield running


async def test_those_who_wait_share_by_weight_and_a_new_weight_holds(tenants: Tenants) -> None:
    tenants.call("physics", do="hold")
    await eventually(lambda: tenants.fake.running == 1)
    tenants.call("chemistry", 30)
    await tenants.waits(30)
    tenants.call("physics", 30)
    await tenants.waits(60)
    await tenants.over()
    # One that ran without waiting was none of them.
    assert Counter(tenants.fake.began[1:21]) == {"physics": 15, "chemistry": 5}

    tenants.fake.release.clear()
    tenants.call("physics", do="hold")
    await eventually(lambda: tenants.fake.running == 1)
    tenants.call("physics", 30)
    tenants.call("chemistry", 30)
    await tenants.waits(60)
    tenants.policy.write_text(POLICY.replace("3", "0.25") + "[tenants.seen]\n")
    await eventually(lambda: tenants.of_tenant("seen") == 0)
    tenants.fake.began.clear()
    await tenants.over()
    assert Counter(tenants.fake.began[:20])["chemistry"] >= 15


async def test_who_comes_while_others_wait_waits_too(tenants: Tenants) -> None:
    """However fast one asks, a slot that others wait for is not given past them."""
    tenants.call("physics", do="hold")
    await eventually(lambda: tenants.fake.running == 1)
    tenants.call("chemistry", 40)
    await tenants.waits(40)
    tenants.fake.release.set()
    for _ in range(40):
        await tenants.call("history")
    await tenants.over()
    began = tenants.fake.began[1:]
    # Its weight is one as well: about every second is its own, until the others are through.
    last = max(index for index, name in enumerate(began) if name == "chemistry")
    assert Counter(began[: last + 1])["history"] <= 42


async def test_an_algorithm_runs_as_often_as_it_may(fake: FakeExecutor, tmp_path: Path) -> None:
    limited = f'{POLICY}\n[algorithms."fake.other"]\nmax_concurrency = 1\n'
    async with serving(fake, tmp_path, limited, slots=4) as tenants:
        tenants.call("physics", algorithm="fake.other", do="hold")
        await eventually(lambda: fake.running == 1)
        tenants.call("chemistry", algorithm="fake.other@1", do="hold")
        tenants.call("physics", algorithm="fake.other", do="hold")
        await tenants.waits(2)
        for _ in range(5):
            await tenants.call("history")
        assert figure(tenants.gate, "edgemesh_waiting") == 2
        assert fake.running == 1
        tenants.policy.write_text(POLICY)
        await eventually(lambda: fake.running == 3)
        await tenants.over()
        await eventually(lambda: figure(tenants.gate, "edgemesh_running") == 0)


async def test_the_cheapest_is_sent_away_and_told_when_to_come_again(
    fake: FakeExecutor, tmp_path: Path
) -> None:
    async with house({"fake": fake.port}, queue=2) as gate:
        tenants = Tenants(gate, fake, tmp_path)
        tenants.call("any", 2, do="hold")
        await eventually(lambda: fake.running == 2)
        batch = tenants.call("any", priority=BATCH)
        await tenants.waits(1)
        newest = tenants.call("any", priority=BATCH)
        await tenants.waits(2)
        assert tenants.of_class("edgemesh_queue_requests", "batch") == 2
        assert (tenants.of_class("edgemesh_queue_bytes", "batch") or 0) > 0
        assert tenants.of_class("edgemesh_slots_in_use", "interactive") == 2
        tenants.call("any", priority=REALTIME)
        tenants.calls.remove(newest)
        refusal = await refused(newest)
        assert (refusal.code, refusal.reason) == (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "QUEUE_FULL",
        )
        assert refusal.metadata == {"limit": "2"}
        assert refusal.delay_s == 0.5
        assert not batch.done()
        await tenants.over()
        assert fake.began[2:] == ["any", "any"]
        assert tenants.of_class("edgemesh_queue_shed_total", "batch") == 1
        assert tenants.of_class("edgemesh_queue_wait_seconds_count", "realtime") == 1
        assert tenants.of_class("edgemesh_queue_requests", "batch") == 0
        await eventually(lambda: tenants.of_class("edgemesh_slots_in_use", "batch") == 0)


async def test_tenants_that_the_policy_names_are_shown_and_the_rest_together(
    tenants: Tenants,
) -> None:
    tenants.call("physics", do="hold")
    await eventually(lambda: tenants.fake.running == 1)
    tenants.call("chemistry", 3)
    tenants.call("history", 2)
    await tenants.waits(5)
    url = f"http://{tenants.gate.mesh.metrics_address}/metrics"
    page = await asyncio.to_thread(lambda: urllib.request.urlopen(url).read().decode())
    for tenant, count in (("physics", 0), ("chemistry", 3), ("(others)", 2)):
        line = f'edgemesh_queue_tenant_requests{{executor="fake",tenant="{tenant}"}} {count}.0'
        assert line in page
    assert "history" not in page
    await tenants.over()

"""Three tenants behind one gateway: each limit and scope is seen to act, on both data paths."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import algorithm_pb2, compute_pb2, environment_pb2_grpc
from edgemesh.compute.v1.environment_pb2 import CreateEnvironmentRequest
from fake_executor import FakeExecutor
from grpc_health.v1 import health_pb2, health_pb2_grpc
from house import House, Refusal, eventually, house, refused, request, tensor

POLICY = """
[tenants.physics]
scopes = ["fake.*", "capability:call:fake.*", "algorithms:write"]
concurrency = 2
max_request_bytes = 2000

[tenants.chemistry]
scopes = ["fake.echo"]
rate = "3/hour"
classes = ["batch"]

[tenants.biology]
scopes = ["*"]
compute_seconds_per_day = 0.05
"""
TENANTS = ("physics", "chemistry", "biology", "history")
BATCH = compute_pb2.PRIORITY_BATCH


class Tenants:
    """A gateway, and callers of each tenant."""

    def __init__(self, gate: House, policy: Path) -> None:
        self.gate, self.policy = gate, policy

    def compute(self, tenant: str, **fields: Any) -> Any:
        return self.gate.compute.Compute(request(**fields), metadata=as_(tenant), timeout=20)

    async def refusal(self, tenant: str, **fields: Any) -> Refusal:
        return await refused(self.compute(tenant, **fields))

    async def lists(self, tenant: str) -> list[str]:
        answer = await self.gate.algorithms.ListAlgorithms(
            algorithm_pb2.ListAlgorithmsRequest(), metadata=as_(tenant), timeout=20
        )
        return [each.algorithm.name for each in answer.algorithms]

    def figure(self, name: str, **labels: str) -> float | None:
        return self.gate.mesh.metrics.registry.get_sample_value(name, labels)


def as_(tenant: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer key-of-{tenant}"),)


def keys_file(path: Path) -> Path:
    digests = {
        tenant: hashlib.sha256(f"key-of-{tenant}".encode()).hexdigest() for tenant in TENANTS
    }
    path.write_text(
        "".join(f'[[keys]]\ntenant = "{t}"\nsha256 = "{d}"\n' for t, d in digests.items())
    )
    return path


@asynccontextmanager
async def three(fake: FakeExecutor, folder: Path, **settings: Any) -> AsyncGenerator[Tenants]:
    policy = folder / "policy.toml"
    policy.write_text(POLICY)
    await fake.offer("fake.echo", "fake.other", "secret.one", slots=4)
    keys = keys_file(folder / "keys.toml")
    async with house({"fake": fake.port}, api_keys=keys, policy=policy, **settings) as gate:
        yield Tenants(gate, policy)


@pytest.fixture
async def tenants(fake: FakeExecutor, tmp_path: Path) -> AsyncIterator[Tenants]:
    async with three(fake, tmp_path) as running:
        yield running


async def test_a_scope_lets_run_what_fits_it_and_nothing_else(tenants: Tenants) -> None:
    await tenants.compute("physics", algorithm="fake.other")
    await tenants.compute("physics", algorithm="fake.other@1")
    await tenants.compute("chemistry", algorithm="fake.echo@1", priority=BATCH)
    for tenant, algorithm in (
        ("physics", "secret.one"),
        ("chemistry", "fake.other@1"),
        ("history", "fake.echo"),
    ):
        refusal = await tenants.refusal(tenant, algorithm=algorithm, priority=BATCH)
        assert refusal.code is grpc.StatusCode.PERMISSION_DENIED
        assert refusal.reason == "PERMISSION_DENIED"
        assert refusal.metadata == {"scope": algorithm.partition("@")[0]}


async def test_nobody_learns_what_there_is_that_they_may_not_run(tenants: Tenants) -> None:
    there = await tenants.refusal("physics", algorithm="secret.one")
    absent = await tenants.refusal("physics", algorithm="secret.two")
    assert there.message.replace("one", "two") == absent.message
    assert (there.code, there.reason) == (absent.code, absent.reason)
    asks = tenants.gate.algorithms.GetAlgorithm
    named = [algorithm_pb2.GetAlgorithmRequest(name=name) for name in ("secret.one", "secret.two")]
    said = [await refused(asks(each, metadata=as_("physics"), timeout=20)) for each in named]
    assert {refusal.reason for refusal in said} == {"PERMISSION_DENIED"}
    # Of what may be run the nearest names are told, and no others.
    assert (await tenants.refusal("biology", algorithm="secret.on")).metadata == {
        "algorithm": "secret.on",
        "nearest": "secret.one",
    }
    near = await tenants.refusal("chemistry", algorithm="fake.echo@9", priority=BATCH)
    assert near.metadata == {"algorithm": "fake.echo@9", "nearest": "fake.echo@1"}
    near = await tenants.refusal("biology", algorithm="fake.echo@9")
    assert near.metadata["nearest"] == "fake.echo@1,fake.other@1"
    assert await tenants.lists("physics") == ["fake.echo", "fake.other"]
    assert await tenants.lists("chemistry") == ["fake.echo"]
    assert await tenants.lists("biology") == ["fake.echo", "fake.other", "secret.one"]
    assert await tenants.lists("history") == []


async def test_capabilities_are_granted_by_scope(tenants: Tenants) -> None:
    await tenants.compute("physics", capabilities=["call:fake.echo", "call:fake.*"])
    for asked in ("call:*", "files:data"):
        refusal = await tenants.refusal("physics", capabilities=["call:fake.echo", asked])
        assert refusal.code is grpc.StatusCode.PERMISSION_DENIED
        assert refusal.metadata == {"scope": f"capability:{asked}"}
    refusal = await tenants.refusal("chemistry", capabilities=["candle"], priority=BATCH)
    assert refusal.metadata == {"scope": "capability:candle"}


async def test_what_a_call_calls_has_its_callers_scopes(
    tenants: Tenants, fake: FakeExecutor
) -> None:
    held = tenants.compute("physics", do="hold", capabilities=["call:fake.*"])
    await eventually(lambda: fake.running == 1)
    ticket = (("edgemesh-ticket", str(fake.metadata["edgemesh-ticket"])),)
    nested = tenants.gate.compute.Compute
    refusal = await refused(nested(request(algorithm="secret.one"), metadata=ticket, timeout=20))
    assert refusal.metadata == {"scope": "secret.one"}
    # Its own calls are not among those at once, or it could wait for itself.
    other = tenants.compute("physics", do="hold")
    await eventually(lambda: fake.running == 2)
    await nested(request(), metadata=ticket, timeout=20)
    fake.release.set()
    await asyncio.gather(held, other)


async def test_services_have_scopes(tenants: Tenants) -> None:
    register = tenants.gate.algorithms.RegisterAlgorithm
    asked = algorithm_pb2.RegisterAlgorithmRequest(name="secret.mine", code="1")
    refusal = await refused(register(asked, metadata=as_("chemistry"), timeout=20))
    assert refusal.code is grpc.StatusCode.PERMISSION_DENIED
    assert refusal.metadata == {"scope": "algorithms:write"}
    refusal = await refused(register(asked, metadata=as_("physics"), timeout=20))
    assert refusal.metadata == {"scope": "secret.mine"}
    environments: Any = environment_pb2_grpc.EnvironmentServiceStub(tenants.gate.channel)
    making = environments.CreateEnvironment(
        CreateEnvironmentRequest(dependencies=["six"]), metadata=as_("physics"), timeout=20
    )
    assert (await refused(making.read())).metadata == {"scope": "environments:write"}


async def test_rate(tenants: Tenants) -> None:
    for _ in range(3):
        await tenants.compute("chemistry", priority=BATCH)
    refusal = await tenants.refusal("chemistry", priority=BATCH)
    assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refusal.reason == "RATE_LIMITED"
    assert refusal.metadata == {"limit": "3/hour"}
    assert refusal.quotas.keys() == {"tenant:chemistry"}
    assert "3/hour" in refusal.quotas["tenant:chemistry"]
    assert refusal.delay_s is not None
    assert 3500 < refusal.delay_s <= 3600
    assert tenants.figure("edgemesh_limit_refused_total", limit="rate") == 1
    await tenants.compute("physics")


async def test_what_is_refused_anyway_takes_nothing_of_a_rate(tenants: Tenants) -> None:
    for _ in range(5):
        await tenants.refusal("chemistry", algorithm="secret.one", priority=BATCH)
        await tenants.refusal("chemistry")
    for _ in range(3):
        await tenants.compute("chemistry", priority=BATCH)


async def test_a_window_ends(tenants: Tenants) -> None:
    tenants.policy.write_text(POLICY.replace("3/hour", "2/second"))
    counts = 0
    async with asyncio.timeout(20):
        # The policy is in force when a third call of a second is let wait for a second at most.
        while True:
            try:
                await tenants.compute("chemistry", priority=BATCH)
            except grpc.aio.AioRpcError as error:
                refusal = Refusal(error)
                if refusal.metadata == {"limit": "2/second"}:
                    break
            counts += 1
    assert refusal.delay_s is not None
    assert 0 < refusal.delay_s <= 1
    await asyncio.sleep(refusal.delay_s)  # as a caller does who is told so
    await tenants.compute("chemistry", priority=BATCH)


async def test_calls_at_once(tenants: Tenants, fake: FakeExecutor) -> None:
    held = [tenants.compute("physics", do="hold") for _ in range(2)]
    await eventually(lambda: fake.running == 2)
    refusal = await tenants.refusal("physics")
    assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refusal.reason == "TOO_MANY_AT_ONCE"
    assert refusal.metadata == {"limit": "2"}
    assert refusal.quotas.keys() == {"tenant:physics"}
    assert refusal.delay_s == 0.1
    await tenants.compute("chemistry", priority=BATCH)
    # One that takes the other way counts there too.
    asking = await tenants.refusal("physics", capabilities=["call:fake.echo"])
    assert asking.reason == "TOO_MANY_AT_ONCE"
    fake.release.set()
    await asyncio.gather(*held)
    await tenants.compute("physics")


async def test_who_leaves_counts_no_longer(tenants: Tenants, fake: FakeExecutor) -> None:
    for _ in range(3):
        held = [tenants.compute("physics", do="hold") for _ in range(2)]
        await eventually(lambda: fake.running == 2)
        for call in held:
            call.cancel()
        await eventually(lambda: fake.running == 0)
    await eventually(lambda: tenants.figure("edgemesh_running", executor="fake") == 0)
    await tenants.compute("physics")


async def test_payload(tenants: Tenants) -> None:
    fits = {"x": tensor(shape=(400,), data=bytes(1600))}
    await tenants.compute("physics", inputs=fits)
    large = {"x": tensor(shape=(500,), data=bytes(2000))}
    refusal = await tenants.refusal("physics", inputs=large)
    assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refusal.reason == "PAYLOAD_TOO_LARGE"
    assert refusal.metadata["limit"] == "2000"
    assert int(refusal.metadata["size"]) > 2000
    assert refusal.quotas.keys() == {"tenant:physics"}
    await tenants.compute("chemistry", inputs=large, priority=BATCH)


async def test_classes(tenants: Tenants) -> None:
    for priority, name in (
        (compute_pb2.PRIORITY_UNSPECIFIED, "interactive"),
        (compute_pb2.PRIORITY_REALTIME, "realtime"),
    ):
        refusal = await tenants.refusal("chemistry", priority=priority)
        assert refusal.code is grpc.StatusCode.PERMISSION_DENIED
        assert refusal.metadata == {"scope": f"class:{name}"}
    await tenants.compute("chemistry", priority=BATCH)


async def test_compute_seconds(fake: FakeExecutor, tmp_path: Path, kept: str) -> None:
    async with three(fake, tmp_path, database=kept) as tenants:
        held = tenants.compute("biology", do="hold")
        await eventually(lambda: fake.running == 1)
        await asyncio.sleep(0.06)  # what is counted is time
        fake.release.set()
        await held
        refusal = await spent(tenants)
        assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refusal.metadata == {"limit": "0.05"}
        assert refusal.quotas.keys() == {"tenant:biology"}
        assert refusal.delay_s is not None
        assert 1 <= refusal.delay_s <= 86_400
        await tenants.compute("physics")
    # Another gateway, or this one anew, knows what was had today.
    async with three(fake, tmp_path, database=kept) as tenants:
        assert (await tenants.refusal("biology")).reason == "COMPUTE_SPENT"


async def spent(tenants: Tenants) -> Refusal:
    async with asyncio.timeout(20):
        while True:
            try:
                await tenants.compute("biology")
            except grpc.aio.AioRpcError as error:
                refusal = Refusal(error)
                assert refusal.reason == "COMPUTE_SPENT"
                return refusal


async def test_a_policy_takes_effect_when_it_changes(tenants: Tenants) -> None:
    await tenants.refusal("physics", algorithm="secret.one")
    tenants.policy.write_text(POLICY.replace('"fake.*", "cap', '"fake.*", "secret.*", "cap'))
    async with asyncio.timeout(20):
        while "secret.one" not in await tenants.lists("physics"):
            pass
    await tenants.compute("physics", algorithm="secret.one")
    tenants.policy.write_text(POLICY)
    async with asyncio.timeout(20):
        while "secret.one" in await tenants.lists("physics"):
            pass
    refusal = await tenants.refusal("physics", algorithm="secret.one")
    assert refusal.metadata == {"scope": "secret.one"}


async def test_a_policy_that_is_wrong_changes_nothing_and_is_told_of(
    tenants: Tenants, caplog: pytest.LogCaptureFixture
) -> None:
    def refused_figure() -> float | None:
        return tenants.figure("edgemesh_reload_refused", file="policy")

    assert refused_figure() == 0
    health: Any = health_pb2_grpc.HealthStub(tenants.gate.channel)
    asked = health_pb2.HealthCheckRequest(service="policy")
    with caplog.at_level(logging.ERROR, "edgemesh"):
        tenants.policy.write_text(POLICY.replace("concurrency = 2", 'concurrency = "two"'))
        await eventually(lambda: refused_figure() == 1)
    (record,) = [each for each in caplog.records if each.getMessage() == "not reloaded"]
    assert f"{tenants.policy}:4: tenants.physics.concurrency: " in record.__dict__["fields"]["why"]
    answer = await health.Check(asked, timeout=20)
    assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING
    await tenants.compute("physics")
    assert (await tenants.refusal("physics", algorithm="secret.one")).reason == "PERMISSION_DENIED"
    tenants.policy.write_text(POLICY)
    await eventually(lambda: refused_figure() == 0)
    answer = await health.Check(asked, timeout=20)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_the_audit_log_has_who_did_what_and_nothing_else(
    fake: FakeExecutor, tmp_path: Path
) -> None:
    path = tmp_path / "audit.jsonl"

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    async with three(fake, tmp_path, audit_log=path) as tenants:
        secret = "what-nobody-may-read"
        parameters = json.dumps({"secret": secret})
        await tenants.compute("physics", request_id="one", parameters=parameters)
        await tenants.refusal("physics", algorithm="secret.one", request_id="two")
        await refused(tenants.gate.compute.Compute(request(), timeout=20))
        await eventually(lambda: len(lines()) >= 3)
        assert path.stat().st_mode & 0o777 == 0o600
        by_code = {line["code"]: line for line in lines()}
        done = by_code["OK"]
        assert (done["method"], done["request_id"], done["tenant"]) == ("Compute", "one", "physics")
        digest = hashlib.sha256(b"key-of-physics").hexdigest()
        assert done["who"] == f"key:{digest[:12]}"
        assert done["algorithm"] == "fake.echo"
        denied = by_code["PERMISSION_DENIED"]
        assert (denied["request_id"], denied["scope"]) == ("two", "secret.one")
        unknown = by_code["UNAUTHENTICATED"]
        assert (unknown["tenant"], unknown["who"]) == ("", "")
        assert secret not in path.read_text()
        assert "key-of-physics" not in path.read_text()
        # Its operator takes it away, and it goes on in another.
        path.rename(tmp_path / "old.jsonl")
        await tenants.compute("physics", request_id="three")
        await eventually(lambda: [line["request_id"] for line in lines()] == ["three"])
        assert len((tmp_path / "old.jsonl").read_text().splitlines()) == 3
        # Or says so: nothing need be written for that.
        path.rename(tmp_path / "older.jsonl")
        os.kill(os.getpid(), signal.SIGHUP)
        await eventually(path.exists)

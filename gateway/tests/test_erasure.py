"""All of a tenant is erased: every table, file and session is looked through for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import (
    account_pb2,
    account_pb2_grpc,
    algorithm_pb2,
    chain_pb2,
    chain_pb2_grpc,
    environment_pb2,
    environment_pb2_grpc,
    job_pb2,
    job_pb2_grpc,
    key_pb2,
    key_pb2_grpc,
    schedule_pb2,
    schedule_pb2_grpc,
    session_pb2,
    session_pb2_grpc,
)
from fake_executor import FakeExecutor
from house import House, eventually, house, refused, request, tensor
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, select
from test_tenants import keys_file
from test_webhook_terms import SECRET

from edgemesh_gateway.store import Database, SessionRecord, Store
from edgemesh_gateway.store import erasure as whose
from edgemesh_gateway.store.records import Base

TENANT = "chemistry"
MARK = "belladonna"
"""What the tenant's data has in it."""
POLICY = """
[tenants.physics]
scopes = ["*", "admin"]
[tenants.chemistry]
scopes = ["*"]
compute_seconds_per_day = 1000
[tenants.biology]
scopes = ["*"]
compute_seconds_per_day = 1000
"""


class Chemistry:
    """A mesh in which two tenants have some of everything."""

    def __init__(self, gate: House, fake: FakeExecutor, folder: Path, url: str) -> None:
        self.gate, self.fake, self.folder, self.url = gate, fake, folder, url
        self.keys: Any = key_pb2_grpc.KeyServiceStub(gate.channel)
        self.jobs: Any = job_pb2_grpc.JobServiceStub(gate.channel)
        self.accounts: Any = account_pb2_grpc.AccountServiceStub(gate.channel)
        self.secrets: dict[str, str] = {}

    def as_(self, tenant: str) -> dict[str, Any]:
        bearer = self.secrets.get(tenant, f"key-of-{tenant}")
        return {"metadata": (("authorization", f"Bearer {bearer}"),), "timeout": 20}

    async def submit(self, tenant: str, webhook: str = "", **fields: Any) -> str:
        asked = job_pb2.SubmitJobRequest(request=request(**fields), request_id=fields["request_id"])
        if webhook:
            asked.webhook.url = webhook
        return (await self.jobs.SubmitJob(asked, **self.as_(tenant))).job.id

    async def fill(self, tenant: str, mark: str, database: Database) -> None:
        """Have some of everything that is kept."""
        as_, channel = self.as_(tenant), self.gate.channel
        made = key_pb2.CreateKeyRequest(tenant=tenant, note=mark)
        self.secrets[tenant] = (await self.keys.CreateKey(made, **self.as_("physics"))).secret
        # What is in neither file nor policy tells of who made it.
        of_other = key_pb2.CreateKeyRequest(tenant="history", note="made by another")
        if tenant != TENANT:
            await self.keys.CreateKey(of_other, **self.as_("physics"))
        as_ = self.as_(tenant)
        code = f"# {mark}\ndef f(): pass\n"
        await self.gate.algorithms.RegisterAlgorithm(
            algorithm_pb2.RegisterAlgorithmRequest(name=f"python.{mark}", code=code, shared=True),
            **as_,
        )
        environments: Any = environment_pb2_grpc.EnvironmentServiceStub(channel)
        wanted = environment_pb2.CreateEnvironmentRequest(dependencies=[mark])
        async for _ in environments.CreateEnvironment(wanted, **as_):
            pass
        sessions: Any = session_pb2_grpc.SessionServiceStub(channel)
        for number in range(3):
            await sessions.CreateSession(
                session_pb2.CreateSessionRequest(session_id=f"{mark}-{number}"), **as_
            )
        large = {"x": tensor(shape=(40_000,), data=mark.encode().ljust(160_000))}
        done = await self.submit(
            tenant,
            webhook=f"http://127.0.0.1:1/{mark}",  # nobody is there, so it stays owed
            request_id=mark,
            inputs=large,
            parameters='{"events": 2, "size": 10}',
        )
        await self.jobs.WaitJob(job_pb2.WaitJobRequest(id=done), **as_)
        work = job_pb2.SubmitJobRequest(request=request())
        chains: Any = chain_pb2_grpc.ChainServiceStub(channel)
        steps = [chain_pb2.ChainStep(name=mark, job=work)]
        await chains.SubmitChain(chain_pb2.SubmitChainRequest(steps=steps), **as_)
        schedules: Any = schedule_pb2_grpc.ScheduleServiceStub(channel)
        yearly = schedule_pb2.CreateScheduleRequest(id=mark, cron="0 0 1 1 *", job=work)
        await schedules.CreateSchedule(yearly, **as_)
        await self.gate.compute.Compute(request(request_id=f"call-of-{mark}"), **as_)
        record = SessionRecord(
            tenant=tenant, id=mark, executor="e", session=b"", created_ms=1, expires_ms=0
        )
        await Store(database).put_session(record)

    async def erase(self, tenant: str = TENANT, *, dry_run: bool = False) -> Any:
        asked = account_pb2.EraseTenantRequest(tenant=tenant, dry_run=dry_run)
        return await self.accounts.EraseTenant(asked, **self.as_("physics"))

    def tables(self) -> dict[str, list[str]]:
        """All rows of all tables that there are, as texts."""
        engine = create_engine(self.url)
        found = MetaData()
        try:
            with engine.connect() as connection:
                found.reflect(connection)
                return {
                    name: [repr(tuple(row)) for row in connection.execute(select(table))]
                    for name, table in found.tables.items()
                }
        finally:
            engine.dispose()

    def files(self) -> list[str]:
        """Files of the gateway's state that have something of the tenant's in them."""
        words = (TENANT.encode(), MARK.encode())
        folder = Path(self.url.partition(":///")[2]).parent
        paths = [path for path in folder.rglob("*") if path.is_file()]
        assert paths
        return [str(p) for p in paths if any(word in p.read_bytes() for word in words)]


@pytest.fixture
async def mesh(tmp_path: Path, kept: str) -> AsyncIterator[Chemistry]:
    fake = FakeExecutor(algorithms=("fake.echo", "python.run"))
    fake.program_namespaces = ("python",)
    await fake.start()
    (tmp_path / "policy.toml").write_text(POLICY)
    secrets = tmp_path / "webhooks.toml"
    secrets.write_text(
        "[secrets]\n" + "".join(f'{name} = "{SECRET}"\n' for name in (TENANT, "biology"))
    )
    secrets.chmod(0o600)
    async with house(
        {"fake": fake.port},
        database=kept,
        api_keys=keys_file(tmp_path / "keys.toml"),
        policy=tmp_path / "policy.toml",
        webhook_internal_hosts=("127.0.0.1:*",),
        webhook_secrets=secrets,
    ) as gate:
        yield Chemistry(gate, fake, tmp_path, kept)
    await fake.stop()


async def test_nothing_of_a_tenant_is_left(mesh: Chemistry) -> None:
    database = Database(mesh.url)
    await mesh.fill(TENANT, MARK, database)
    await mesh.fill("biology", "digitalis", database)
    database.close()
    # A key of another tenant's that says who made it.
    holding = await mesh.submit(TENANT, request_id=f"held-{MARK}", do="hold")
    await eventually(lambda: mesh.fake.running == 1)
    await mesh.accounts.GetUsage(account_pb2.GetUsageRequest(), **mesh.as_(TENANT))

    # What belongs to tenants has some of this one's, so that none is passed over.
    filled = await _filled(mesh)
    owned = {t.name for t in Base.metadata.sorted_tables if whose.place(t) == "tenant"}
    assert owned - filled <= _SHARED_ONLY, "fill these too"

    counted = await mesh.erase(dry_run=True)
    assert counted.erased["jobs"] == 3
    assert counted.erased["sessions"] == 3 + 1  # the executor's, and a row
    kinds = {"keys", "algorithms", "environments", "usage", "requests", "job_events", "compute"}
    assert kinds <= set(counted.erased)
    assert mesh.fake.running == 1
    assert await _filled(mesh) == filled
    before = {name for name in mesh.fake.sessions.names() if MARK not in name}

    erased = await mesh.erase()
    assert mesh.fake.running == 0
    assert not erased.left
    assert dict(erased.erased).keys() >= kinds
    assert erased.erased["sessions"] == counted.erased["sessions"]
    for name, rows in mesh.tables().items():
        bad = [row for row in rows if TENANT in row or MARK in row or holding in row]
        assert not bad, name
    if mesh.url.startswith("sqlite"):
        assert not mesh.files()
    assert mesh.fake.sessions.names() == before
    again = await mesh.erase()
    assert (dict(again.erased), list(again.left)) == ({}, [])

    # Its key opens nothing any more, and nobody else has lost anything.
    refusal = await refused(mesh.gate.compute.Compute(request(), **mesh.as_(TENANT)))
    assert refusal.reason == "UNAUTHENTICATED"
    rows = mesh.tables()
    for name in owned - _SHARED_ONLY:
        assert any("biology" in row for row in rows[name]), name
    record = account_pb2.GetRequestRequest(request_id="call-of-digitalis")
    await mesh.accounts.GetRequest(record, **mesh.as_("biology"))


_SHARED_ONLY = {"requests"}
"""Tables that are filled only where gateways share a database."""


async def _filled(mesh: Chemistry) -> set[str]:
    """Tables that have something of the tenant's, as soon as what is written later is there."""
    async with asyncio.timeout(20):
        while True:
            found = {
                name for name, rows in mesh.tables().items() if any(TENANT in row for row in rows)
            }
            if "compute" in found:
                return found
            await asyncio.sleep(0.05)


async def test_what_is_away_is_named(mesh: Chemistry) -> None:
    await mesh.fake.stop()
    up = "edgemesh_executor_up"
    await eventually(
        lambda: mesh.gate.mesh.metrics.registry.get_sample_value(up, {"executor": "fake"}) == 0
    )
    told = await mesh.erase()
    assert list(told.left) == [f"fake 127.0.0.1:{mesh.fake.port}"]


async def test_only_an_admin_erases(mesh: Chemistry) -> None:
    for tenant, by, reason in (
        (TENANT, "biology", "PERMISSION_DENIED"),
        ("", "physics", "INVALID_REQUEST"),
        ("a b", "physics", "INVALID_REQUEST"),
    ):
        asked = account_pb2.EraseTenantRequest(tenant=tenant)
        refusal = await refused(mesh.accounts.EraseTenant(asked, **mesh.as_(by)))
        assert refusal.reason == reason
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.violations == {"tenant": "required: 1 to 128 characters of [A-Za-z0-9._-]"}


async def test_who_made_keys_of_others_is_not_told_any_more(mesh: Chemistry) -> None:
    made = key_pb2.CreateKeyRequest(tenant="history")
    await mesh.keys.CreateKey(made, **mesh.as_("physics"))
    assert any("physics" in row for row in mesh.tables()["keys"])
    await mesh.erase("physics")
    rows = mesh.tables()["keys"]
    assert len(rows) == 1
    assert "physics" not in rows[0]
    assert whose.ERASED in rows[0]


def test_a_table_that_nobody_has_placed_is_noticed() -> None:
    for table in Base.metadata.sorted_tables:
        whose.place(table)
    fresh = MetaData()
    with pytest.raises(whose.Unplaced, match="forgotten"):
        whose.place(Table("forgotten", fresh, Column("id", Integer)))

"""API keys that the gateway issues: by its service and by the command line, on both data paths."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import key_pb2, key_pb2_grpc
from fake_executor import FakeExecutor
from house import House, Refusal, eventually, house, refused, request
from sqlalchemy import create_engine, text

from edgemesh_gateway.command import main
from edgemesh_gateway.identity.issued import PREFIX, Issued, mint
from edgemesh_gateway.keys import create, now_ms
from edgemesh_gateway.store import Database, KeyStore


class Desk:
    """A gateway that demands identity, and its administrator."""

    def __init__(self, gate: House, admin: str, url: str) -> None:
        self.gate, self.url = gate, url
        self.admin = bearer(admin)
        self.keys: Any = key_pb2_grpc.KeyServiceStub(gate.channel)

    async def create(self, **fields: Any) -> key_pb2.CreateKeyResponse:
        fields = {"tenant": "physics", **fields}
        answer: key_pb2.CreateKeyResponse = await self.keys.CreateKey(
            key_pb2.CreateKeyRequest(**fields), metadata=self.admin, timeout=20
        )
        return answer

    async def listed(self, **fields: Any) -> list[key_pb2.Key]:
        asked = key_pb2.ListKeysRequest(**fields)
        answer = await self.keys.ListKeys(asked, metadata=self.admin, timeout=20)
        return list(answer.keys)

    async def revoke(self, prefix: str) -> key_pb2.Key:
        asked = key_pb2.RevokeKeyRequest(prefix=prefix)
        answer = await self.keys.RevokeKey(asked, metadata=self.admin, timeout=20)
        key: key_pb2.Key = answer.key
        return key

    def compute(self, secret: str, **fields: Any) -> Any:
        return self.gate.compute.Compute(request(**fields), metadata=bearer(secret), timeout=20)

    async def opens(self, secret: str) -> bool:
        try:
            await self.compute(secret)
        except grpc.aio.AioRpcError as error:
            assert Refusal(error).reason == "UNAUTHENTICATED"  # noqa: PT017
            return False
        return True


def bearer(secret: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {secret}"),)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """What the command line says."""
    capsys.readouterr()
    assert main(["keys", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


@asynccontextmanager
async def desk(
    fake: FakeExecutor, url: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> AsyncGenerator[Desk]:
    monkeypatch.setenv("EDGEMESH_GATEWAY_DATABASE", url)
    create = ("create", "--tenant", "operators", "--scope", "admin")
    (admin,) = await asyncio.to_thread(run, capsys, *create)
    async with house({"fake": fake.port}, identity="required", database=url) as gate:
        yield Desk(gate, admin, url)


async def test_a_key_opens_until_it_is_revoked(
    fake: FakeExecutor, kept: str, monkeypatch: pytest.MonkeyPatch, capsys: Any, datapath: str
) -> None:
    async with desk(fake, kept, monkeypatch, capsys) as at:
        made = await at.create(note="of the laboratory")
        assert made.secret.startswith(made.key.prefix)
        assert len(made.key.prefix) == PREFIX
        seen = json.loads((await at.compute(made.secret)).result)
        assert seen["edgemesh-tenant"] == "physics"
        # The data path knows it by itself.
        assert ("user-agent" in fake.metadata) is (datapath == "python")
        other = await at.create()
        revoked = await at.revoke(made.key.prefix)
        assert revoked.revoked_ms >= revoked.created_ms
        # At once: the next call is refused.
        assert not await at.opens(made.secret)
        assert await at.opens(other.secret)
        assert await at.revoke(made.key.prefix) == revoked
        missing = await refused(
            at.keys.RevokeKey(
                key_pb2.RevokeKeyRequest(prefix="em_nobody"), metadata=at.admin, timeout=20
            )
        )
        assert (missing.code, missing.reason) == (grpc.StatusCode.NOT_FOUND, "UNKNOWN_KEY")
        assert missing.metadata == {"key": "em_nobody"}


async def test_keys_are_listed_without_what_opens(
    fake: FakeExecutor, kept: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    async with desk(fake, kept, monkeypatch, capsys) as at:
        made = [await at.create(tenant=tenant) for tenant in ("physics", "chemistry", "physics")]
        assert len(await at.listed()) == 4
        assert [key.prefix for key in await at.listed(tenant="chemistry")] == [made[1].key.prefix]
        assert await at.listed(prefix=made[0].key.prefix[:9]) == [made[0].key]
        assert await at.listed(prefix="em_%") == []
        await at.revoke(made[0].key.prefix)
        assert len(await at.listed(tenant="physics")) == 1
        assert len(await at.listed(tenant="physics", all=True)) == 2
        database = create_engine(kept)
        with database.connect() as connection:
            rows = str(connection.execute(text("SELECT * FROM keys")).all())
        database.dispose()
        assert made[0].key.prefix in rows
        for each in made:
            secret = each.secret.removeprefix(f"{each.key.prefix}_")
            assert secret not in rows
            assert secret not in str(await at.listed(all=True))


async def test_scopes_of_a_key(
    fake: FakeExecutor, kept: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    await fake.offer("fake.echo", "other.one")
    async with desk(fake, kept, monkeypatch, capsys) as at:
        made = await at.create(scopes=["fake.*"])
        await at.compute(made.secret)
        refusal = await refused(at.compute(made.secret, algorithm="other.one"))
        assert refusal.code is grpc.StatusCode.PERMISSION_DENIED
        assert refusal.metadata == {"scope": "other.one"}
        # Only who has the scope manages keys, and `*` is not it.
        for scopes in (["fake.*"], ["*"], []):
            one = await at.create(scopes=scopes)
            asked = key_pb2.CreateKeyRequest(tenant="operators", scopes=["admin"])
            calls = (
                at.keys.CreateKey(asked, metadata=bearer(one.secret), timeout=20),
                at.keys.ListKeys(
                    key_pb2.ListKeysRequest(), metadata=bearer(one.secret), timeout=20
                ),
                at.keys.RevokeKey(
                    key_pb2.RevokeKeyRequest(prefix=one.key.prefix),
                    metadata=bearer(one.secret),
                    timeout=20,
                ),
            )
            for call in calls:
                refusal = await refused(call)
                assert refusal.code is grpc.StatusCode.PERMISSION_DENIED
                assert refusal.metadata == {"scope": "admin"}


async def test_a_key_that_cannot_be_made(
    fake: FakeExecutor, kept: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    async with desk(fake, kept, monkeypatch, capsys) as at:
        asked = key_pb2.CreateKeyRequest(
            tenant="a b", scopes=["cpp.*", "a b"], note="x" * 201, lifetime_s=-1
        )
        refusal = await refused(at.keys.CreateKey(asked, metadata=at.admin, timeout=20))
        assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
        assert refusal.violations.keys() == {"tenant", "scopes[1]", "note", "lifetime_s"}


async def test_what_the_command_line_does_a_running_gateway_knows(
    fake: FakeExecutor, kept: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    async with desk(fake, kept, monkeypatch, capsys) as at:
        (secret,) = await asyncio.to_thread(
            run, capsys, "create", "--tenant", "chemistry", "--scope", "fake.*", "--note", "theirs"
        )
        assert await at.opens(secret)
        lines = await asyncio.to_thread(run, capsys, "list", "--tenant", "chemistry")
        (line,) = lines
        assert line.startswith(f"{secret[:PREFIX]}\tchemistry\tfake.*\tcreated ")
        assert secret not in line
        await asyncio.to_thread(run, capsys, "revoke", secret[:PREFIX])
        async with asyncio.timeout(20):
            while await at.opens(secret):
                pass
        assert await asyncio.to_thread(run, capsys, "list", "--tenant", "chemistry") == []
        assert await asyncio.to_thread(main, ["keys", "revoke", "em_nobody"]) == 2


async def test_strangers_share_a_look_for_their_keys(kept: str) -> None:
    database = Database(kept)
    store, looks = KeyStore(database), 0

    class Counted(KeyStore):
        async def mark(self) -> tuple[int, ...]:
            nonlocal looks
            looks += 1
            return await super().mark()

    issued = Issued(Counted(database))
    _, secret = await create(store, "physics", [], "", 0, by="a test")
    strangers = [issued.look(mint().secret) for _ in range(100)]
    others = [issued.look("no key"), issued.look("")]
    *refused, found = await asyncio.gather(*strangers, *others, issued.look(secret))
    assert not any(refused)
    assert found is not None
    assert found.tenant == "physics"
    assert looks == 1
    assert await issued.look(secret) == found
    assert looks == 1
    assert await issued.look(secret[:-1]) is None
    assert looks == 2
    database.close()


async def test_a_key_newer_than_a_look_is_looked_for_again(kept: str) -> None:
    database = Database(kept)
    begun, go_on = asyncio.Event(), asyncio.Event()

    class Slow(KeyStore):
        async def mark(self) -> tuple[int, ...]:
            found = await super().mark()
            begun.set()
            await go_on.wait()
            return found

    issued = Issued(Slow(database))
    go_on.set()
    await issued.refresh()
    go_on.clear()
    begun.clear()
    stranger = asyncio.create_task(issued.look(mint().secret))
    await begun.wait()
    _, secret = await create(KeyStore(database), "physics", [], "", 0, by="a test")
    shown = asyncio.create_task(issued.look(secret))
    await asyncio.sleep(0)  # it waits for a look now
    go_on.set()
    assert await stranger is None
    assert await shown is not None
    database.close()


async def test_a_key_expires(kept: str) -> None:
    now = 1000.0
    database = Database(kept)
    store = KeyStore(database)
    record, secret = await create(store, "physics", [], "", 60, by="a test")
    issued = Issued(store, clock=lambda: now)
    now = record.created_ms / 1e3
    await issued.refresh()
    assert issued.find(secret) is not None
    assert issued.find(secret[:-1]) is None
    assert issued.find(secret[:PREFIX]) is None
    assert issued.find(mint().secret) is None
    now += 60
    assert issued.find(secret) is None
    assert record.expires_ms - now_ms() <= 60_000
    database.close()


async def test_a_database_that_is_away_leaves_what_was_known(
    fake: FakeExecutor, kept: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    async with desk(fake, kept, monkeypatch, capsys) as at:
        made = await at.create()
        database = create_engine(kept)
        with database.begin() as connection:
            connection.execute(text("ALTER TABLE keys RENAME TO elsewhere"))
        assert await at.opens(made.secret)
        with database.begin() as connection:
            connection.execute(text("ALTER TABLE elsewhere RENAME TO keys"))
        database.dispose()
        await at.revoke(made.key.prefix)
        assert not await at.opens(made.secret)


async def test_who_made_and_revoked_a_key_is_in_the_audit_log(
    fake: FakeExecutor, kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    path = tmp_path / "audit.jsonl"
    monkeypatch.setenv("EDGEMESH_GATEWAY_AUDIT_LOG", str(path))
    async with desk(fake, kept, monkeypatch, capsys) as at:
        made = await at.create()
        await at.revoke(made.key.prefix)
        await eventually(lambda: path.read_text().count("\n") == 2)
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert [line["method"] for line in lines] == ["CreateKey", "RevokeKey"]
        for line in lines:
            assert (line["tenant"], line["key"]) == ("operators", made.key.prefix)
            assert line["who"].startswith("key:em_")
            assert line["of_tenant"] == "physics"
        assert made.secret not in path.read_text()

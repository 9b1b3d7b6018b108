"""What the gateway keeps: by several of them, through migrations, and when they are killed."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from postgres import Server
from sqlalchemy import inspect

from edgemesh_gateway.store import (
    AlgorithmRecord,
    ComputeStore,
    Conflict,
    Database,
    EnvironmentRecord,
    Full,
    KeyRecord,
    KeyStore,
    SessionRecord,
    Store,
    StoreUnusable,
)
from edgemesh_gateway.store import database as opening
from edgemesh_gateway.store.records import Base

_PATIENCE_S = 60.0


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/kept/gateway.db"
    server: Server = request.getfixturevalue("server")
    return server.url


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(url)

    def clear(session: Any) -> None:
        for table in Base.metadata.tables.values():
            session.execute(table.delete())

    await database.run(clear)
    yield database
    database.close()


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database)


def algorithm(name: str = "python.f", version: str = "1", **fields: Any) -> AlgorithmRecord:
    given: dict[str, Any] = {
        "tenant": "ann",
        "name": name,
        "version": version,
        "number": 0,
        "digest": "d",
        "program": b"\x00p",
        "sha256": "s",
        "shared": False,
        "environment": "",
        "request": "r",
        "created_ms": 1,
    }
    return AlgorithmRecord(**given | fields)


async def versions(store: Store, tenant: str, name: str = "python.f") -> list[str]:
    return [each.version for each in await store.versions(tenant, name)]


async def test_versions_are_counted_and_a_bare_name_means_the_newest(store: Store) -> None:
    for version in ("1", "beta", "0.9"):
        await store.add_algorithm(algorithm(version=version), 10)
    newest = await store.algorithm("ann", "python.f", "")
    assert newest is not None
    assert (newest.version, newest.number, newest.program) == ("0.9", 3, b"\x00p")
    assert await versions(store, "ann") == ["1", "beta", "0.9"]
    assert await store.delete_algorithm("ann", "python.f", "beta") == ["beta"]
    assert sorted(await store.delete_algorithm("ann", "python.f", "")) == ["0.9", "1"]
    assert await store.delete_algorithm("ann", "python.f", "") == []


async def test_the_same_again_is_the_same_and_other_content_is_not(store: Store) -> None:
    await store.add_algorithm(algorithm(), 10)
    assert (await store.add_algorithm(algorithm(), 10)).number == 1
    with pytest.raises(Conflict):
        await store.add_algorithm(algorithm(request="other"), 10)


async def test_a_tenant_sees_its_own_and_what_is_shared(store: Store) -> None:
    await store.add_algorithm(algorithm("python.own"), 10)
    await store.add_algorithm(algorithm("python.shared", shared=True), 10)
    assert await store.algorithm("bob", "python.own", "") is None
    assert [each.name for each in await store.algorithms("bob")] == ["python.shared"]
    assert await store.delete_algorithm("bob", "python.shared", "") == []
    await store.add_algorithm(algorithm("python.shared", tenant="bob", version="7"), 10)
    own = await store.algorithm("bob", "python.shared", "")
    assert own is not None
    assert (own.tenant, own.version) == ("bob", "7")
    with pytest.raises(Conflict):  # a name that all may use has one owner
        await store.add_algorithm(algorithm("python.shared", tenant="bob", shared=True), 10)


async def test_a_tenant_may_have_so_many(store: Store) -> None:
    await store.add_algorithm(algorithm("python.a"), 1)
    with pytest.raises(Full):
        await store.add_algorithm(algorithm("python.b"), 1)
    await store.add_algorithm(algorithm("python.b", tenant="bob"), 1)
    one = EnvironmentRecord(tenant="ann", id="e", lock="l", environment=b"1", created_ms=1)
    await store.add_environment(one, 1)
    again = EnvironmentRecord(tenant="ann", id="e", lock="l", environment=b"2", created_ms=2)
    assert (await store.add_environment(again, 1)).created_ms == 1
    other = EnvironmentRecord(tenant="ann", id="f", lock="l", environment=b"", created_ms=1)
    with pytest.raises(Full):
        await store.add_environment(other, 1)
    assert await store.environment("bob", "e") is None
    assert [each.environment for each in await store.environments("ann")] == [b"2"]
    assert await store.delete_environment("ann", "e")
    assert not await store.delete_environment("ann", "e")


async def test_where_a_session_is(store: Store) -> None:
    one = SessionRecord(
        tenant="ann", id="s", executor="pywasm", session=b"1", created_ms=1, expires_ms=0
    )
    await store.put_session(one)
    moved = SessionRecord(
        tenant="ann", id="s", executor="other", session=b"2", created_ms=1, expires_ms=0
    )
    await store.put_session(moved)
    found = await store.session("ann", "s")
    assert found is not None
    assert (found.executor, await store.session("bob", "s")) == ("other", None)
    assert len(await store.sessions("ann")) == 1
    assert await store.delete_session("ann", "s")


async def test_two_gateways_count_on_where_the_other_is(url: str, database: Database) -> None:
    ours, others = Store(database), Database(url)
    adding = [
        store.add_algorithm(algorithm(version=str(number)), 100)
        for number in range(20)
        for store in (ours, Store(others))
    ]
    kept = await asyncio.gather(*adding)
    assert {each.version for each in kept} == {str(number) for number in range(20)}
    assert len(await ours.versions("ann", "python.f")) == 20
    others.close()


async def test_the_migrations_make_what_the_records_say(database: Database) -> None:
    def look(session: Any) -> dict[str, dict[str, bool]]:
        found = inspect(session.connection())
        return {
            table: {each["name"]: each["nullable"] for each in found.get_columns(table)}
            for table in Base.metadata.tables
        }

    assert await database.run(look) == {
        name: {column.name: column.nullable for column in table.columns}
        for name, table in Base.metadata.tables.items()
    }


def test_files_of_migrations_begin_with_their_number() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(opening.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [opening.HEAD]


def test_what_is_up_to_date_is_opened_without_what_migrates(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    Database(url).close()
    words = (
        "import sys; from edgemesh_gateway.store import Database; "
        f"Database({url!r}).close(); sys.exit('alembic' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", words], check=True, timeout=60)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    Database(url).close()
    with sqlite3.connect(tmp_path / "gateway.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreUnusable, match="9999"):
        Database(url)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "no url",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:////proc/none/x.db",
        "mysql://x",
        "postgresql+psycopg://u:secretword@127.0.0.1:1/x",
    ],
)
def test_a_database_that_cannot_be_used_is_told_without_its_password(wrong: str) -> None:
    with pytest.raises(StoreUnusable) as caught:
        Database(wrong)
    assert "secretword" not in str(caught.value)


def test_the_file_is_its_owners_and_safe(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/gateway.db")
    assert stat.S_IMODE((tmp_path / "gateway.db").stat().st_mode) == 0o600
    modes = asyncio.run(
        database.run(
            lambda session: [
                session.connection().exec_driver_sql(f"PRAGMA {each}").scalar()
                for each in ("journal_mode", "synchronous")
            ]
        )
    )
    assert modes == ["wal", 2]  # FULL
    database.close()


_WRITER = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from test_store import algorithm
from edgemesh_gateway.store import Database, Store
async def main():
    store = Store(Database(sys.argv[1]))
    for number in range(1, 100_000):
        kept = await store.add_algorithm(algorithm(version=str(number)), 1_000_000)
        print(kept.version, flush=True)
asyncio.run(main())
"""


@pytest.mark.parametrize("after", [1, 7, 50])
def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path, after: int) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, url, str(Path(__file__).parent)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    last, until = 0, time.monotonic() + _PATIENCE_S
    while last < after and time.monotonic() < until:
        last = int(writer.stdout.readline())
    writer.kill()
    rest = writer.communicate()[0].split()
    last = int(rest[-1]) if rest else last
    database = Database(url)
    kept = asyncio.run(versions(Store(database), "ann"))
    database.close()
    assert len(kept) in (last, last + 1)
    assert kept == [str(number + 1) for number in range(len(kept))]


def key(prefix: str, **fields: Any) -> KeyRecord:
    given: dict[str, Any] = {
        "tenant": "ann",
        "sha256": "s",
        "scopes": "",
        "note": "",
        "created_by": "a test",
        "created_ms": 1,
        "expires_ms": 0,
        "revoked_ms": 0,
    }
    return KeyRecord(prefix=prefix, **{**given, **fields})


async def test_keys_are_kept_found_and_revoked(database: Database) -> None:
    keys = KeyStore(database)
    marks = [await keys.mark()]
    await keys.add(key("em_one"))
    await keys.add(key("em_two", tenant="bob", expires_ms=100, created_ms=2))
    marks.append(await keys.mark())
    assert [each.prefix for each in await keys.find("", "", None)] == ["em_two", "em_one"]
    assert [each.prefix for each in await keys.find("bob", "em_t", None)] == ["em_two"]
    assert not await keys.find("", "em_%", None)
    assert [each.prefix for each in await keys.valid(100)] == ["em_one"]
    assert {each.prefix for each in await keys.valid(99)} == {"em_one", "em_two"}
    revoked = await keys.revoke("em_one", 50)
    assert revoked is not None
    marks.append(await keys.mark())
    again = await keys.revoke("em_one", 60)
    assert again is not None
    assert again.revoked_ms == 50
    assert await keys.revoke("em_three", 60) is None
    assert not await keys.valid(100)
    assert len(set(marks)) == 3


async def test_seconds_of_several_gateways_add_up(database: Database) -> None:
    compute = ComputeStore(database)
    assert await compute.add("2026-01-31", {}) == {}
    assert await compute.add("2026-01-31", {"ann": 1.5, "bob": 1.0}) == {"ann": 1.5, "bob": 1.0}
    others = [compute.add("2026-01-31", {"ann": 0.25}) for _ in range(8)]
    await asyncio.gather(*others)
    assert await compute.add("2026-01-31", {"bob": 1.0}) == {"ann": 3.5, "bob": 2.0}
    assert await compute.add("2026-02-01", {"ann": 1.0}) == {"ann": 1.0}

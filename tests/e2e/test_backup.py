"""A backup made while the mesh runs, restored into a fresh one: jobs and sessions are there."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from edgemesh.compute.v1 import compute_pb2, job_pb2, job_pb2_grpc
from support import postgres, rpc
from support.rpc import Peer
from support.wait import until

from edgemesh_local.mesh import Mesh

BACKUP = Path(__file__).parents[2] / "deploy" / "backup.py"
PATIENCE_S = 120
REFUSED = 2
LARGE = 200_000
"""Bytes of a result that lies in a file of its own."""
BUSY = compute_pb2.Limits(run_time_ms=60_000)
DATABASES = [
    "sqlite",
    pytest.param(
        "postgresql",
        marks=pytest.mark.skipif(not postgres.programs(), reason="PostgreSQL is not installed"),
    ),
]


class Place:
    """Where a mesh keeps what it keeps."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self._folder, self.said = folder, ""
        self.database, self.jobs = folder / "gateway" / "gateway.db", folder / "gateway" / "jobs"
        self.sessions = folder / "sessions"
        self.url = url or f"sqlite:///{self.database}"

    @asynccontextmanager
    async def mesh(self) -> AsyncGenerator[Peer]:
        """A mesh over it, which ends at once with what it does."""
        own = {"DATABASE": self.url, "JOB_LEASE_S": "1", "DRAIN_S": "0"}
        sandbox = {"SESSION_DIR": str(self.sessions), "SPARES": "0", "DRAIN_S": "0"}
        settings = {"gateway": own, "pywasm": sandbox}
        async with (
            Mesh(("pywasm",), settings=settings) as mesh,
            rpc.connect(mesh.address("gateway")) as peer,
        ):
            yield peer

    async def save(self, to: Path) -> None:
        with to.open("wb") as file:
            assert await self._run("save", stdout=file) == 0, self.said

    async def restore(self, source: Path) -> int:
        with source.open("rb") as file:
            return await self._run("restore", stdin=file)

    def files(self) -> list[Path]:
        return [path for path in self._folder.rglob("*") if path.is_file()]

    async def _run(self, do: str, **options: Any) -> int:
        words = [f"--{name}={getattr(self, name)}" for name in ("database", "jobs", "sessions")]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", BACKUP, *words, do, stderr=asyncio.subprocess.PIPE, **options
        )
        _, said = await process.communicate()
        self.said = said.decode()
        return process.returncode or 0


async def value(peer: Peer, code: str) -> Any:
    request = rpc.request("python.run", {"code": code}, session_id="kept")
    response = await peer.compute.Compute(request, timeout=PATIENCE_S)
    assert rpc.outcome(response) == "OK", response.failure
    return json.loads(response.result or "null")


class Jobs:
    """A tenant's jobs, by the names that it gave them."""

    def __init__(self, peer: Peer, ids: dict[str, str] | None = None) -> None:
        self._stub = job_pb2_grpc.JobServiceStub(peer.channel)
        self.ids = {} if ids is None else ids

    async def submit(self, name: str, code: str, **fields: Any) -> None:
        asked = job_pb2.SubmitJobRequest(
            request_id=name, request=rpc.request("python.run", {"code": code}, **fields)
        )
        self.ids[name] = (await self._stub.SubmitJob(asked, timeout=PATIENCE_S)).job.id

    async def get(self, name: str) -> job_pb2.Job:
        asked = job_pb2.GetJobRequest(id=self.ids[name])
        job: job_pb2.Job = (await self._stub.GetJob(asked, timeout=PATIENCE_S)).job
        return job

    async def cancel(self, name: str) -> None:
        asked = job_pb2.CancelJobRequest(id=self.ids[name])
        await self._stub.CancelJob(asked, timeout=PATIENCE_S)

    async def begun(self, name: str) -> bool:
        return (await self.get(name)).state == job_pb2.JOB_STATE_RUNNING

    async def begun_again(self, name: str) -> bool:
        return (await self.get(name)).attempts > 1

    async def ended(self, name: str) -> job_pb2.Job:
        async def over() -> bool:
            return bool((await self.get(name)).ended_ms)

        await until(over, f"the end of {name}", PATIENCE_S)
        return await self.get(name)

    async def result(self, name: str) -> Any:
        job = await self.ended(name)
        assert job.state == job_pb2.JOB_STATE_SUCCEEDED, job
        return json.loads(job.response.result)


@asynccontextmanager
async def places(kind: str, folder: Path) -> AsyncGenerator[tuple[Place, Place]]:
    """Where one mesh is, and where another will be."""
    if kind == "sqlite":
        yield Place(folder / "old"), Place(folder / "new")
        return
    async with postgres.postgres() as server:
        url = server.url.replace("/postgres?", "/restored?")
        yield Place(folder / "old", server.url), Place(folder / "new", url)


async def dump_and_restore(old: Place, dump: Path) -> None:
    """The one database dumped, and restored into one that is new, as docs/deploy.md says."""
    programs, host = postgres.programs(), old.url.partition("host=")[2]
    assert programs is not None
    to = ("-h", host, "-U", "mesh")
    for words in (
        ("pg_dump", *to, "--format=custom", f"--file={dump}", "postgres"),
        ("createdb", *to, "--template=template0", "restored"),
        ("pg_restore", *to, "--dbname=restored", "--exit-on-error", str(dump)),
    ):
        process = await asyncio.create_subprocess_exec(str(programs / words[0]), *words[1:])
        assert await process.wait() == 0, words


@pytest.mark.needs("pywasm")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", DATABASES)
async def test_jobs_and_sessions_are_there_again(kind: str, tmp_path: Path) -> None:
    backup = tmp_path / "backup.tar"
    async with places(kind, tmp_path) as (old, new):
        async with old.mesh() as peer:
            jobs = Jobs(peer)
            await jobs.submit("small", "output = 6 * 7")
            await jobs.submit("large", f"output = 'x' * {LARGE}")
            for name in ("small", "large"):
                await jobs.ended(name)
            assert await value(peer, "x = [1]\nx") == [1]
            await jobs.submit("running", "while True: pass", limits=BUSY)
            await until(lambda: jobs.begun("running"), "a job that runs", PATIENCE_S)
            await jobs.submit("waiting", "output = 'at last'")
            await old.save(backup)
            if kind == "postgresql":
                await dump_and_restore(old, tmp_path / "mesh.dump")
            assert await value(peer, "x.append(2)\nx") == [1, 2]
            await jobs.submit("later", "1")
        assert await new.restore(backup) == 0, new.said
        async with new.mesh() as peer:
            again = Jobs(peer, jobs.ids)
            assert await value(peer, "x") == [1]
            assert await again.result("small") == 42
            assert await again.result("large") == "x" * LARGE
            await until(lambda: again.begun_again("running"), "another attempt", PATIENCE_S)
            await again.cancel("running")
            assert await again.result("waiting") == "at last"
            assert (await rpc.refused(again.get("later"))).reason == "UNKNOWN_JOB"


async def test_nothing_is_restored_over_what_there_is(tmp_path: Path) -> None:
    old, new = filled(tmp_path / "old"), filled(tmp_path / "new")
    backup = tmp_path / "backup.tar"
    await old.save(backup)
    assert await new.restore(backup) == REFUSED
    assert "is not empty" in new.said
    assert rows(new) == [(1,)]


async def test_what_is_written_meanwhile_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    old, new = filled(tmp_path / "old"), Place(tmp_path / "new")
    with closing(sqlite3.connect(old.database)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO kept VALUES (2)")
        await old.save(tmp_path / "backup.tar")  # it does not wait for who writes
        connection.execute("COMMIT")
    assert await new.restore(tmp_path / "backup.tar") == 0, new.said
    assert rows(new) == [(1,)]
    assert {path.stat().st_mode & 0o777 for path in new.files()} == {0o600}


@pytest.mark.parametrize("part", ["half", "nothing", "another format", "a way out"])
async def test_what_is_no_whole_backup_leaves_nothing_behind(part: str, tmp_path: Path) -> None:
    old, new = filled(tmp_path / "old"), Place(tmp_path / "new")
    backup = tmp_path / "backup.tar"
    await old.save(backup)
    content = backup.read_bytes()
    bad = {
        "half": content[: len(content) // 2],
        "nothing": b"",
        "another format": content.replace(b'{"format": 1', b'{"format": 2'),
        "a way out": content.replace(b"sessions/a/b.session", b"sessions/../.session"),
    }
    backup.write_bytes(checked(bad[part]))
    assert await new.restore(backup) == REFUSED
    assert "Traceback" not in new.said
    assert not new.files()


def filled(folder: Path) -> Place:
    """What a mesh has kept, but for its meaning."""
    place = Place(folder)
    place.database.parent.mkdir(parents=True)
    with closing(sqlite3.connect(place.database, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE kept (number)")
        connection.execute("INSERT INTO kept VALUES (1)")
    for path in (place.jobs / "ab" / "cab.request", place.sessions / "a" / "b.session"):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x" * 1000)
    return place


def rows(place: Place) -> list[tuple[int]]:
    with closing(sqlite3.connect(place.database)) as connection:
        return connection.execute("SELECT number FROM kept").fetchall()


def checked(tar: bytes) -> bytes:
    """A tar file with its headers' sums made right again."""
    fixed = bytearray(tar)
    for at in range(0, len(fixed), 512):
        if bytes(fixed[at + 257 : at + 262]) == b"ustar":
            header = fixed[at : at + 148] + b" " * 8 + fixed[at + 156 : at + 512]
            fixed[at + 148 : at + 156] = b"%06o\0 " % sum(header)
    return bytes(fixed)

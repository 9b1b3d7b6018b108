"""Jobs while gateway, executors, workers and database are killed at random: each ends once, and
is right.

CHAOS_JOBS says how many (`make chaos`: 10,000), in equal parts on each database that is there:
SQLite, which dies with its gateway, and PostgreSQL, which is killed by itself too. A job's answer
depends on its number, so that a wrong one is seen; it is looked for in the answer itself and in the
events, which tell of each end.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from edgemesh.compute.v1 import job_pb2, job_pb2_grpc
from support import postgres, processes, rpc
from support.subject import SUBJECTS, Subject

from edgemesh_local.mesh import Mesh

DATABASES = ("sqlite", "postgresql")
JOBS = int(os.environ.get("CHAOS_JOBS", "300")) // (2 if postgres.programs() else 1)
WITHIN_S = 240 + JOBS * 0.5
AT_ONCE = 16
PAUSES_S = (0.5, 2.5)
"""Between two kills."""
VICTIMS = ("worker", "worker", "worker", "worker", "executor", "gateway")
AGAIN_S = 0.05
"""Before a caller asks a gateway again that was away."""
MORE_S = 1.0
"""Between one job and the next of each caller's, beyond JOBS."""
OUTAGE_S = (0.0, 2.0)
"""How long a killed database stays away."""
ONGOING = (job_pb2.JOB_STATE_QUEUED, job_pb2.JOB_STATE_RUNNING)


@dataclass
class Tally:
    """What is printed at the end."""

    kills: Counter[str] = field(default_factory=Counter[str])
    acknowledged: dict[int, str] = field(default_factory=dict[int, str])
    lost: list[str] = field(default_factory=list[str])
    doubled: list[str] = field(default_factory=list[str])
    wrong: list[str] = field(default_factory=list[str])
    attempts: Counter[int] = field(default_factory=Counter[int])
    right: int = 0

    def table(self, seconds: float) -> str:
        """The table."""
        rows = {
            "jobs acknowledged": len(self.acknowledged),
            "right results": self.right,
            "lost": len(self.lost),
            "doubled": len(self.doubled),
            "wrong": len(self.wrong),
            **{f"kills of a {name}": count for name, count in sorted(self.kills.items())},
            "jobs that took more than one attempt": sum(
                count for attempts, count in self.attempts.items() if attempts > 1
            ),
            "seconds": round(seconds),
        }
        return "\n".join(f"  {what:<40}{value:>8}" for what, value in rows.items())


class Caller:
    """A client that does not give up: it names its jobs, so that asking twice is asking once."""

    def __init__(self, mesh: Mesh) -> None:
        self._channel = grpc.aio.insecure_channel(mesh.address("gateway"), options=rpc.OPTIONS)
        self.stub = job_pb2_grpc.JobServiceStub(self._channel)

    async def close(self) -> None:
        await self._channel.close()

    async def submit(self, number: int, subject: Subject) -> str:
        asked = job_pb2.SubmitJobRequest(
            request_id=f"n{number}",
            request=subject.quick(number),
            idempotent=True,
            max_attempts=100,
        )
        while True:
            try:
                return (await self.stub.SubmitJob(asked, timeout=10)).job.id
            except grpc.aio.AioRpcError as error:
                await _only_away(error)

    async def ended(self, id: str) -> job_pb2.Job:
        while True:
            try:
                job = (await self.stub.WaitJob(job_pb2.WaitJobRequest(id=id), timeout=10)).job
            except grpc.aio.AioRpcError as error:
                await _only_away(error)
            else:
                if job.state not in ONGOING:
                    return job

    async def ends(self, id: str) -> int:
        """How many events tell of an end."""
        asked = job_pb2.StreamJobEventsRequest(id=id)
        events = [each.event async for each in self.stub.StreamJobEvents(asked, timeout=30)]
        return sum(bool(each.state) and each.state not in ONGOING for each in events)


async def _only_away(error: grpc.aio.AioRpcError) -> None:
    """Return a little later; raises what a killed gateway does not explain."""
    explained = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
    if error.code() not in explained:
        raise error
    await asyncio.sleep(AGAIN_S)


async def _kill(
    mesh: Mesh, server: postgres.Postgres | None, tally: Tally, chance: random.Random
) -> None:
    """Kill one after the other, until cancelled; what does not serve is let be until it does."""
    victims = _victims(server is not None)
    first = sorted(set(victims))  # each kind once, and then at random
    chance.shuffle(first)
    while True:
        await asyncio.sleep(chance.uniform(*PAUSES_S))
        victim = first[-1] if first else chance.choice(victims)
        name = "gateway" if victim == "gateway" else chance.choice(mesh.executors)
        try:
            if victim == "database":
                assert server is not None
                await server.kill()
                try:
                    await asyncio.sleep(chance.uniform(*OUTAGE_S))
                finally:  # a test that has what it wanted needs it again
                    await server.start()
            elif victim == "worker":
                os.kill(chance.choice(processes.children(mesh.pid(name))), signal.SIGKILL)
            else:
                mesh.kill(name)
        except (LookupError, IndexError, ProcessLookupError):
            continue  # it is just starting
        tally.kills[victim] += 1
        if first:
            first.pop()


def _victims(server: bool) -> tuple[str, ...]:
    return (*VICTIMS, "database") if server else VICTIMS


@pytest.fixture(params=DATABASES)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[postgres.Postgres | None]:
    """PostgreSQL; None: SQLite."""
    if request.param == "sqlite":
        yield None
        return
    if postgres.programs() is None:
        pytest.skip("PostgreSQL is not installed")
    async with postgres.postgres() as running:
        yield running


@pytest.mark.needs("cpp", "pywasm")
@pytest.mark.timeout(WITHIN_S + 120)
async def test_each_acknowledged_job_has_one_right_result(
    tmp_path: Path, server: postgres.Postgres | None
) -> None:
    seed = random.randrange(2**32)
    url = f"sqlite:///{tmp_path}/gateway.db" if server is None else server.url
    print(f"\nseed {seed}, {JOBS} jobs, {url.partition(':')[0]}")
    subjects = [SUBJECTS[name] for name in ("cpp", "pywasm")]
    settings = {
        "gateway": {"DATABASE": url, "JOB_LEASE_S": "1"},
        "cpp": {"WORKERS": "2", "SPARES": "1"},
        "pywasm": {"WORKERS": "2", "SPARES": "1"},
    }
    tally, began = Tally(), time.monotonic()
    async with Mesh(("cpp", "pywasm"), settings=settings) as mesh:
        caller = Caller(mesh)
        killing = asyncio.create_task(_kill(mesh, server, tally, random.Random(seed)))
        left = iter(itertools.count())

        async def work() -> None:
            for number in left:
                if number >= JOBS:  # a few more, until each kind of kill has been seen
                    if set(tally.kills) == set(_victims(server is not None)):
                        return
                    await asyncio.sleep(MORE_S)
                subject = subjects[number % len(subjects)]
                id = await caller.submit(number, subject)
                tally.acknowledged[number] = id
                if await caller.submit(number, subject) != id:
                    tally.doubled.append(id)

        async def look() -> None:
            for number in left:
                job = await caller.ended(tally.acknowledged[number])
                tally.attempts[job.attempts] += 1
                if job.state != job_pb2.JOB_STATE_SUCCEEDED:
                    tally.lost.append(f"{job}"[:400])
                    continue
                try:
                    subjects[number % len(subjects)].check(number, job.response)
                except AssertionError as error:
                    tally.wrong.append(f"{number}: {error}"[:400])
                else:
                    tally.right += 1

        try:
            async with asyncio.timeout(WITHIN_S):
                await asyncio.gather(*(work() for _ in range(AT_ONCE)))
                left = iter(sorted(tally.acknowledged))
                await asyncio.gather(*(look() for _ in range(AT_ONCE)))
        finally:
            killing.cancel()
            await asyncio.gather(killing, return_exceptions=True)
        await mesh.wait_serving("gateway")
        for id in tally.acknowledged.values():
            if await caller.ends(id) != 1:
                tally.doubled.append(id)
        await caller.close()
    print(tally.table(time.monotonic() - began))
    assert set(tally.kills) == set(_victims(server is not None))
    assert (tally.lost, tally.doubled, tally.wrong) == ([], [], [])

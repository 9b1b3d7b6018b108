"""SessionService over two replicas: each session with its own, lists of both, forks across."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from edgemesh.compute.v1 import session_pb2, session_pb2_grpc
from fake_executor import FakeExecutor
from fake_sessions import FakeSessions
from house import House, at, eventually, house, refused

from edgemesh_gateway.rendezvous import home

TENANT = "local"
NAMES = [f"s-{number:02}" for number in range(20)]


@dataclass
class Two:
    """Two replicas behind a gateway."""

    gate: House
    executors: list[FakeExecutor]

    @property
    def stub(self) -> Any:
        return session_pb2_grpc.SessionServiceStub(self.gate.channel)

    @property
    def sessions(self) -> list[FakeSessions]:
        return [executor.sessions for executor in self.executors]

    def home(self, name: str) -> int:
        return home(TENANT, name, [at(executor.port) for executor in self.executors])

    def of(self, number: int) -> list[str]:
        """Names that belong to a replica."""
        return [name for name in NAMES if self.home(name) == number]

    async def create(self, *names: str, **fields: Any) -> None:
        for name in names:
            wanted = session_pb2.CreateSessionRequest(session_id=name, **fields)
            await self.stub.CreateSession(wanted, timeout=20)

    async def fork(self, name: str, fork: str) -> session_pb2.Session:
        wanted = session_pb2.ForkSessionRequest(session_id=name, fork_id=fork)
        return (await self.stub.ForkSession(wanted, timeout=20)).session

    async def listed(self, **fields: Any) -> session_pb2.ListSessionsResponse:
        wanted = session_pb2.ListSessionsRequest(**fields)
        return await self.stub.ListSessions(wanted, timeout=20)


@pytest.fixture
async def two() -> AsyncIterator[Two]:
    executors = [await FakeExecutor(algorithms=("python.run",)).start() for _ in range(2)]
    async with house({"fake": [each.port for each in executors]}) as gate:
        yield Two(gate, executors)
    for each in executors:
        await each.stop()


async def test_a_session_is_managed_where_its_calls_run(two: Two) -> None:
    await two.create(*NAMES)
    for number, sessions in enumerate(two.sessions):
        assert sessions.names() == set(two.of(number))
    for name in NAMES:
        await two.gate.call(algorithm="python.run", session_id=name, request_id=name)
        assert name in two.executors[two.home(name)].began
        wanted = session_pb2.GetSessionRequest(session_id=name)
        assert (await two.stub.GetSession(wanted, timeout=20)).session.session_id == name


@pytest.mark.parametrize("size", [1, 3, 7, 20])
async def test_pages_of_both_are_one_list(two: Two, size: int) -> None:
    await two.create(*reversed(NAMES))
    found: list[str] = []
    after = ""
    while True:
        page = await two.listed(page_size=size, after=after)
        assert len(page.sessions) <= size
        found += [each.session_id for each in page.sessions]
        after = page.next_after
        if not after:
            break
        assert after == found[-1]
    assert found == NAMES


async def test_a_fork_to_the_other_replica_is_an_export_and_an_import(two: Two) -> None:
    (origin, same, *_), (other, empty, *_) = two.of(0), two.of(1)
    await two.create(origin)
    assert (await two.fork(origin, empty)).session_id == empty
    assert two.sessions[1].asked == ["Create"]
    two.sessions[0].data[TENANT, origin] = b"pages"
    assert (await two.fork(origin, other)).session_id == other
    assert two.sessions[1].data[TENANT, other] == b"pages"
    await two.fork(origin, same)
    assert two.sessions[0].asked == ["Create", "Export", "Export", "Fork"]


async def test_what_an_import_would_lose_is_not_forked_across(two: Two) -> None:
    origin, other = two.of(0)[0], two.of(1)[0]
    await two.create(origin, deterministic=True)
    two.sessions[0].data[TENANT, origin] = b"pages"
    wanted = session_pb2.ForkSessionRequest(session_id=origin, fork_id=other)
    refusal = await refused(two.stub.ForkSession(wanted, timeout=20))
    assert set(refusal.violations) == {"fork_id"}
    assert not two.sessions[1].asked


async def test_a_list_without_one_of_them_is_none(two: Two) -> None:
    await two.create(*NAMES)
    await two.executors[1].stop()
    labels = {"executor": "fake", "address": at(two.executors[1].port)}
    registry = two.gate.mesh.metrics.registry
    await eventually(lambda: registry.get_sample_value("edgemesh_replica_up", labels) == 0)
    asked = two.stub.ListSessions(session_pb2.ListSessionsRequest(), timeout=20)
    assert (await refused(asked)).reason == "NOT_STARTED"
    away = session_pb2.GetSessionRequest(session_id=two.of(1)[0])
    assert (await refused(two.stub.GetSession(away, timeout=20))).reason == "NOT_STARTED"
    here = session_pb2.GetSessionRequest(session_id=two.of(0)[0])
    await two.stub.GetSession(here, timeout=20)

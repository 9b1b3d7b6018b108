"""Two real executors of one name behind a gateway, killed and restarted under load; sessions."""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import session_pb2
from support import launch, metrics, rpc
from support.launch import Launched
from support.rpc import Peer, refusal, refused
from support.subject import CPP, PYWASM, Subject
from support.wait import until

ways = pytest.mark.parametrize("way", ["native", "python"])
CALLERS = 4


class Pair:
    """Two replicas of an executor and their gateway, all processes of the test's own."""

    def __init__(self, name: str, stack: AsyncExitStack, folder: Path) -> None:
        self.name = name
        self.running: list[Launched] = []
        self.gateway: Launched
        self._stack, self._folder = stack, folder

    async def start(self, number: int, **settings: str) -> Launched:
        """Start a replica; it serves then."""
        own = {"WORKERS": "2", "SPARES": "0", **settings}
        if self.name == "pywasm":
            own["SESSION_DIR"] = str(self._folder / str(number))
        return await self._stack.enter_async_context(launch.launched(self.name, **own))

    async def again(self, number: int, how: signal.Signals) -> None:
        """End a replica and start it anew, where it was; it is in the gateway's use then."""
        ended = self.running[number]
        ended.process.send_signal(how)
        await ended.ended()
        port = ended.address.rpartition(":")[2]
        self.running[number] = again = await self.start(number, PORT=port)

        async def used() -> bool:
            now = await metrics.figures(self.gateway.metrics)
            return now("edgemesh_replica_slots", address=again.address) > 0

        await until(used, "the replica that came back")


@asynccontextmanager
async def pair(name: str, way: str, folder: Path) -> AsyncGenerator[tuple[Pair, Peer]]:
    async with AsyncExitStack() as stack:
        both = Pair(name, stack, folder)
        both.running = [await both.start(number) for number in range(2)]
        both.gateway = await stack.enter_async_context(
            launch.launched(
                "gateway",
                DATAPATH=way,
                DATABASE=f"sqlite:///{folder}/gateway.db",
                EXECUTORS=json.dumps({name: [each.address for each in both.running]}),
            )
        )
        peer = await stack.enter_async_context(rpc.connect(both.gateway.address))
        yield both, peer


class Load:
    """Callers that never rest; each answer is checked."""

    def __init__(self, peer: Peer, subject: Subject) -> None:
        self._peer, self._subject = peer, subject
        self._stop = False
        self.right = 0
        self.reasons: Counter[str] = Counter()
        self.executors: Counter[int] = Counter()
        """Process ids of those who answered."""
        self._tasks = [asyncio.ensure_future(self._call(n)) for n in range(CALLERS)]

    async def _call(self, number: int) -> None:
        while not self._stop:
            number += CALLERS
            try:
                request = self._subject.quick(number % 1000)
                response = await self._peer.compute.Compute(request, timeout=30)
            except grpc.aio.AioRpcError as error:
                self.reasons[refusal(error).reason] += 1
            else:
                self._subject.check(number % 1000, response)
                self.executors[response.usage.executor_pid] += 1
                self.right += 1

    async def more(self) -> None:
        """Wait for answers that were asked for after now."""
        wanted = self.right + 4 * CALLERS

        def came() -> bool:
            for task in self._tasks:
                if task.done():
                    task.result()
            return self.right >= wanted

        await until(came, "answers", within=60)

    async def end(self) -> None:
        """Let each caller finish; raises what went wrong."""
        self._stop = True
        await asyncio.gather(*self._tasks)


@ways
@pytest.mark.needs("cpp")
async def test_each_is_stopped_and_started_under_load_and_nobody_notices(
    way: str, tmp_path: Path
) -> None:
    async with pair("cpp", way, tmp_path) as (both, peer):
        load = Load(peer, CPP)
        for number in (0, 1):
            await load.more()
            await both.again(number, signal.SIGTERM)
        await load.more()
        await load.end()
        assert not load.reasons
        # Both of before, and both of after.
        assert len(load.executors) == 4


@ways
@pytest.mark.needs("cpp")
async def test_one_is_killed_under_load_and_only_what_it_ran_is_lost(
    way: str, tmp_path: Path
) -> None:
    async with pair("cpp", way, tmp_path) as (both, peer):
        load = Load(peer, CPP)
        for number in (0, 1, 0):
            await load.more()
            await both.again(number, signal.SIGKILL)
        await load.more()
        await load.end()
        assert set(load.reasons) <= {"EXECUTOR_LOST"}
        assert load.reasons.total() <= 3 * CALLERS


async def run(peer: Peer, session: str, code: str) -> Any:
    """The value of a part of a session's program."""
    request = rpc.request("python.run", {"code": code}, session_id=session)
    response = await peer.compute.Compute(request, timeout=60)
    assert rpc.outcome(response) == "OK", response.failure
    return json.loads(response.result or "null")


@ways
@pytest.mark.needs("pywasm")
async def test_sessions_stay_with_theirs(way: str, tmp_path: Path) -> None:
    async with pair("pywasm", way, tmp_path) as (both, peer):

        def kept(number: int) -> int:
            return len(list((tmp_path / str(number)).rglob("*.session")))

        names: list[str] = []
        while len(names) < 6 or not (kept(0) and kept(1)):
            names.append(f"s{len(names):02}")
            await run(peer, names[-1], f"x = [{names[-1]!r}]")
        for name in names:
            assert await run(peer, name, "x.append(1); x") == [name, 1]
        theirs = kept(1)
        assert kept(0) + theirs == len(names)
        sessions = peer.sessions
        listed = await sessions.ListSessions(session_pb2.ListSessionsRequest(page_size=4))
        assert [each.session_id for each in listed.sessions] == names[:4]
        rest = session_pb2.ListSessionsRequest(page_size=4, after=listed.next_after)
        listed = await sessions.ListSessions(rest)
        assert [each.session_id for each in listed.sessions] == names[4:]
        assert not listed.next_after
        # Some of these forks belong to the other replica.
        for name in names:
            fork = session_pb2.ForkSessionRequest(session_id=names[0], fork_id=f"fork-{name}")
            made = await sessions.ForkSession(fork)
            assert made.session.session_id == f"fork-{name}"
            assert await run(peer, f"fork-{name}", "x") == [names[0], 1]
        both.running[1].process.kill()
        await both.running[1].ended()
        gone = 0
        for name in names:
            try:
                assert await run(peer, name, "x") == [name, 1]
            except grpc.aio.AioRpcError as error:
                assert refusal(error).reason == "NOT_STARTED"  # noqa: PT017
                gone += 1
        assert gone == theirs
        lists = sessions.ListSessions(session_pb2.ListSessionsRequest())
        assert (await refused(lists)).reason == "NOT_STARTED"
        for number in range(4):
            response = await peer.compute.Compute(PYWASM.quick(number), timeout=60)
            PYWASM.check(number, response)

"""PostgreSQL stopped and started while jobs are handed in: none that was acknowledged is lost, and
callers are told when to come again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import algorithm_pb2, job_pb2
from fake_executor import FakeExecutor
from house import PATIENCE_S, House, Refusal, house, refused
from postgres import Server, programs
from test_jobs import Desk, state

pytestmark = pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed")
CALLERS = 8


@pytest.fixture
def fragile() -> Iterator[Server]:
    """A server for this test alone."""
    server = Server()
    yield server
    server.close()


class Callers:
    """They hand in jobs without a pause, and come again after what they are told."""

    def __init__(self, desk: Desk) -> None:
        self.acknowledged: list[str] = []
        self.refusals: list[Refusal] = []
        self.over = False
        self._desk = desk
        self._tasks = [asyncio.create_task(self._call(number)) for number in range(CALLERS)]

    async def stop(self) -> None:
        self.over = True
        await asyncio.gather(*self._tasks)

    async def _call(self, caller: int) -> None:
        number = 0
        while not self.over:
            try:
                id = await self._desk.submit("echo", request_id=f"{caller}.{number}")
            except grpc.aio.AioRpcError as error:
                self.refusals.append(Refusal(error))
                await asyncio.sleep(0.05)  # sooner than it was told: the more refusals are seen
            else:
                self.acknowledged.append(id)
                number += 1


async def more(of: list[Any], count: int) -> None:
    """Wait until there are so many more."""
    least = len(of) + count
    async with asyncio.timeout(PATIENCE_S):
        while len(of) < least:
            await asyncio.sleep(0.005)


async def test_what_was_acknowledged_is_done(fake: FakeExecutor, fragile: Server) -> None:
    async with house({"fake": fake.port}, database=fragile.url) as gate:
        desk = Desk(gate)
        callers = Callers(desk)
        for _ in range(2):
            await more(callers.acknowledged, 20)
            await asyncio.to_thread(fragile.stop)
            await more(callers.refusals, 2 * CALLERS)
            await _meanwhile(gate)
            await asyncio.to_thread(fragile.start)
        await more(callers.acknowledged, 20)
        await callers.stop()
        for id in callers.acknowledged:
            job = await desk.ended(id)
            assert state(job) == "SUCCEEDED", job
        assert len(set(callers.acknowledged)) == len(callers.acknowledged)
        for refusal in callers.refusals:
            assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "STORE_AWAY")
            assert refusal.delay_s is not None
            assert refusal.delay_s > 0
        failed = gate.mesh.metrics.registry.get_sample_value(
            "edgemesh_database_failed_total", {"why": "away"}
        )
        assert failed


async def _meanwhile(gate: House) -> None:
    """What needs no database goes on; whatever does says so."""
    await gate.call()
    for ask in (
        gate.algorithms.ListAlgorithms(algorithm_pb2.ListAlgorithmsRequest(), timeout=PATIENCE_S),
        gate.algorithms.GetAlgorithmSource(
            algorithm_pb2.GetAlgorithmSourceRequest(name="python.f"), timeout=PATIENCE_S
        ),
        Desk(gate).stub.ListJobs(job_pb2.ListJobsRequest(), timeout=PATIENCE_S),
    ):
        found = await refused(ask)
        assert (found.code, found.reason) == (grpc.StatusCode.UNAVAILABLE, "STORE_AWAY")
        assert found.delay_s

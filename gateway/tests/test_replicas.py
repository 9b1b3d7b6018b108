"""An executor of two replicas: one queue, both at work, and one of them lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from edgemesh.compute.v1 import algorithm_pb2, compute_pb2, shared_memory_pb2
from fake_executor import FakeExecutor
from house import (
    PATIENCE_S,
    House,
    Process,
    Refusal,
    at,
    eventually,
    figure,
    house,
    raw_method,
    refused,
)

REGISTER = "edgemesh.compute.v1.SharedMemoryService/RegisterSharedMemory"


@pytest.fixture
async def pair() -> AsyncIterator[tuple[FakeExecutor, FakeExecutor]]:
    one, two = await FakeExecutor().start(), await FakeExecutor(slots=3).start()
    yield one, two
    await one.stop()
    await two.stop()


@pytest.fixture
async def calm() -> AsyncIterator[FakeExecutor]:
    """One that does not do what breaks others."""
    executor = await FakeExecutor(calm=True).start()
    yield executor
    await executor.stop()


def replica(gate: House, name: str, executor: FakeExecutor | Process) -> float | None:
    """A metric of a replica."""
    labels = {"executor": "fake", "address": at(executor.port)}
    return gate.mesh.metrics.registry.get_sample_value(name, labels)


def sent_again(gate: House) -> float | None:
    return gate.mesh.metrics.registry.get_sample_value("edgemesh_sent_again_total")


async def test_idle_replicas_take_turns(pair: tuple[FakeExecutor, FakeExecutor]) -> None:
    one, two = pair
    async with house({"fake": [one.port, two.port]}) as gate:
        for _ in range(10):
            await gate.call()
        assert (len(one.began), len(two.began)) == (5, 5)


async def test_all_slots_are_used_and_none_twice(pair: tuple[FakeExecutor, FakeExecutor]) -> None:
    one, two = pair
    async with house({"fake": [one.port, two.port]}) as gate:
        assert figure(gate, "edgemesh_slots") == 5
        held = [asyncio.ensure_future(gate.call(do="hold")) for _ in range(12)]
        await eventually(lambda: figure(gate, "edgemesh_waiting") == 7)
        await eventually(lambda: (one.running, two.running) == (2, 3))
        assert replica(gate, "edgemesh_replica_running", one) == 2
        assert replica(gate, "edgemesh_replica_slots", two) == 3
        one.release.set()
        two.release.set()
        await asyncio.gather(*held)
        assert (one.most_running, two.most_running) == (2, 3)
        assert figure(gate, "edgemesh_running") == 0


async def test_what_never_started_is_at_once_answered_by_the_other(calm: FakeExecutor) -> None:
    process = await Process.start()
    async with house({"fake": [process.port, calm.port]}, retry_wait_ms=0) as gate:
        answer = await gate.call(do="die", request_id="r-1")
        assert answer.usage.executor_pid != process.process.pid
        assert calm.began == ["r-1"]
        assert sent_again(gate) == 1
        await eventually(lambda: replica(gate, "edgemesh_replica_up", process) == 0)
        assert figure(gate, "edgemesh_slots") == 2
        for _ in range(4):
            await gate.call()
        assert figure(gate, "edgemesh_executor_up") == 1
    await process.kill()


async def test_who_waits_waits_on_while_another_is_there(fake: FakeExecutor) -> None:
    process = await Process.start()
    async with house({"fake": [process.port, fake.port]}) as gate:
        held = [asyncio.ensure_future(gate.call(do="hold")) for _ in range(4)]
        await eventually(lambda: fake.running == 2)
        for _ in range(2):
            await process.told("begin")
        waiting = [asyncio.ensure_future(gate.call()) for _ in range(3)]
        await eventually(lambda: figure(gate, "edgemesh_waiting") == 3)
        await process.kill()
        await eventually(lambda: figure(gate, "edgemesh_slots") == 2)
        fake.release.set()
        for call in waiting:  # by the other, none of them refused
            assert (await call).outcome == compute_pb2.OUTCOME_OK
        lost = 0
        for answer in await asyncio.gather(*held, return_exceptions=True):
            if isinstance(answer, grpc.aio.AioRpcError):
                assert Refusal(answer).reason == "EXECUTOR_LOST"
                lost += 1
        assert lost <= 2
        assert figure(gate, "edgemesh_running") == 0


async def test_when_none_is_left_who_waits_is_told() -> None:
    both = [await Process.start(), await Process.start()]
    async with house({"fake": [each.port for each in both]}, retry_wait_ms=0) as gate:
        held = [asyncio.ensure_future(gate.refusal(do="hold")) for _ in range(4)]
        for each in both:
            for _ in range(2):
                await each.told("begin")
        waiting = [asyncio.ensure_future(gate.refusal()) for _ in range(3)]
        await eventually(lambda: figure(gate, "edgemesh_waiting") == 3)
        for each in both:  # both before anybody can notice
            each.process.kill()
        for refusal in await asyncio.gather(*waiting):
            assert refusal.reason == "NOT_STARTED"
        await asyncio.gather(*held)
        assert figure(gate, "edgemesh_running") == 0
    for each in both:
        await each.kill()


async def test_one_that_is_stopping_is_passed_by(fake: FakeExecutor, calm: FakeExecutor) -> None:
    async with house({"fake": [fake.port, calm.port]}) as gate:
        assert (await gate.call(do="leave")).outcome == compute_pb2.OUTCOME_OK
        # It is asked no more, until it describes itself anew.
        assert replica(gate, "edgemesh_replica_slots", fake) == 0
        for _ in range(4):
            await gate.call()
        assert (len(fake.began), len(calm.began)) == (1, 5)
        await fake.offer("fake.echo", "fake.more")
        await eventually(lambda: replica(gate, "edgemesh_replica_slots", fake) == 2)


async def test_one_that_fails_again_and_again_is_left_out_for_a_while(
    fake: FakeExecutor, calm: FakeExecutor
) -> None:
    async with house({"fake": [fake.port, calm.port]}) as gate:
        for _ in range(9):
            assert (await gate.call(do="break")).outcome == compute_pb2.OUTCOME_OK
        assert len(fake.began) == 5
        assert replica(gate, "edgemesh_replica_left_out_total", fake) == 1
        assert replica(gate, "edgemesh_replica_slots", fake) == 0
        assert replica(gate, "edgemesh_replica_up", fake) == 1
        for _ in range(3):
            await gate.call(do="break")
        assert len(fake.began) == 5
        await eventually(lambda: replica(gate, "edgemesh_replica_slots", fake) == 2)


async def test_the_last_one_is_never_left_out(fake: FakeExecutor, calm: FakeExecutor) -> None:
    async with house({"fake": [fake.port, calm.port]}, retry_wait_ms=0) as gate:
        for _ in range(9):
            await gate.call(do="break")
        assert replica(gate, "edgemesh_replica_slots", fake) == 0
        await calm.stop()
        await eventually(lambda: replica(gate, "edgemesh_replica_slots", fake) == 2)
        for _ in range(12):
            assert (await gate.refusal(do="break")).reason == "NOT_STARTED"
        assert replica(gate, "edgemesh_replica_left_out_total", fake) == 1


async def test_a_session_stays_where_it_is(pair: tuple[FakeExecutor, FakeExecutor]) -> None:
    one, two = pair
    async with house({"fake": [one.port, two.port]}, retry_wait_ms=0) as gate:
        names = [f"s-{n}" for n in range(12)]
        for _ in range(3):
            for name in names:
                await gate.call(session_id=name, request_id=name)
        here, there = set(one.began), set(two.began)
        assert here | there == set(names)
        assert not here & there
        assert here
        assert there
        await two.stop()
        await eventually(lambda: replica(gate, "edgemesh_replica_up", two) == 0)
        for name in names:
            if name in here:
                await gate.call(session_id=name)
            else:
                assert (await gate.refusal(session_id=name)).reason == "NOT_STARTED"
        await gate.call()


async def test_sessions_of_one_replica_do_not_hold_the_others_slots(
    pair: tuple[FakeExecutor, FakeExecutor],
) -> None:
    one, two = pair
    async with house({"fake": [one.port, two.port]}) as gate:
        await gate.call(session_id="s", request_id="where")
        home, other = (one, two) if one.began else (two, one)
        held = [
            asyncio.ensure_future(gate.call(do="hold", session_id="s")) for _ in range(home.slots)
        ]
        await eventually(lambda: home.running == home.slots)
        assert replica(gate, "edgemesh_replica_running", other) == 0
        home.release.set()
        await asyncio.gather(*held)


async def test_what_only_one_offers_goes_to_that_one(
    pair: tuple[FakeExecutor, FakeExecutor],
) -> None:
    one, two = pair
    async with house({"fake": [one.port, two.port]}, retry_wait_ms=0) as gate:
        await two.offer("fake.echo", "fake.new")
        await gate.serves("fake.new")
        for _ in range(6):
            await gate.call(algorithm="fake.new@1", request_id="new")
        assert "new" not in one.began
        listed = await gate.algorithms.ListAlgorithms(
            algorithm_pb2.ListAlgorithmsRequest(), timeout=PATIENCE_S
        )
        assert [each.algorithm.name for each in listed.algorithms] == ["fake.echo", "fake.new"]
        await two.stop()
        await eventually(lambda: replica(gate, "edgemesh_replica_up", two) == 0)
        assert (await gate.refusal(algorithm="fake.new")).reason == "NOT_STARTED"
        await gate.call()


async def test_a_program_is_given_to_each_replica_that_runs_it(
    pair: tuple[FakeExecutor, FakeExecutor],
) -> None:
    for each in pair:
        each.program_namespaces = ("fake",)
        await each.offer("fake.echo")
    async with house({"fake": [each.port for each in pair]}) as gate:
        wanted = algorithm_pb2.RegisterAlgorithmRequest(name="fake.mine", code="1")
        await gate.algorithms.RegisterAlgorithm(wanted, timeout=PATIENCE_S)
        for _ in range(6):
            assert (await gate.call(algorithm="fake.mine")).algorithm == "fake.mine"
        assert [len(each.programs) for each in pair] == [1, 1]


async def test_shared_memory_is_not_offered(pair: tuple[FakeExecutor, FakeExecutor]) -> None:
    async with house({"fake": [each.port for each in pair]}) as gate:
        wanted = shared_memory_pb2.RegisterSharedMemoryRequest(name="r", size=4096, executor="fake")
        ask = raw_method(gate.channel, REGISTER)
        refusal = await refused(ask(wanted.SerializeToString(), timeout=PATIENCE_S))
        assert refusal.violations == {"executor": "one that has one replica; fake has several"}


async def test_one_of_two_killed_under_load_again_and_again() -> None:
    both = [await Process.start(), await Process.start()]
    async with house({"fake": [each.port for each in both]}, retry_wait_ms=0) as gate:
        stop = asyncio.Event()
        served = lost = 0

        async def caller() -> None:
            nonlocal served, lost
            while not stop.is_set():
                try:
                    response = await gate.call(request_id="load", timeout=10)
                except grpc.aio.AioRpcError as error:
                    # A second replica is there: what was not begun is answered.
                    assert Refusal(error).reason == "EXECUTOR_LOST"  # noqa: PT017
                    lost += 1
                else:
                    assert response.request_id == "load"
                    served += 1

        callers = [asyncio.create_task(caller()) for _ in range(12)]
        for number in range(4):
            before = served
            await eventually(lambda before=before: served > before + 40)
            victim = both[number % 2]
            await victim.kill()
            both[number % 2] = again = await Process.start(victim.port)
            await eventually(
                lambda again=again: (
                    replica(gate, "edgemesh_replica_up", again) == 1
                    and replica(gate, "edgemesh_replica_slots", again) == 2
                )
            )
        before = served
        await eventually(lambda: served > before + 40)
        stop.set()
        await asyncio.gather(*callers)
        # At most what had its slots of the killed one.
        assert lost <= 4 * 2
        assert figure(gate, "edgemesh_running") == 0
    for each in both:
        await each.kill()

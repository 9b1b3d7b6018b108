"""What is sent again and what is not, over executors that are really killed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import algorithm_pb2
from fake_executor import FakeExecutor
from house import House, Process, Refusal, eventually, figure, house, refused, request


@pytest.fixture
async def process() -> AsyncIterator[Process]:
    started = await Process.start()
    yield started
    await started.kill()


def ask(gate: House, way: str, **fields: Any) -> Any:
    """Compute, or ComputeStream as something that awaits its last event."""
    if way == "unary":
        return gate.compute.Compute(request(**fields), timeout=20)
    return last(gate.compute.ComputeStream(request(**fields), timeout=20))


async def last(call: Any) -> Any:
    return [event async for event in call][-1].response


LIST = algorithm_pb2.ListAlgorithmsRequest()
WAYS = pytest.mark.parametrize("way", ["unary", "stream"])


@WAYS
async def test_what_never_started_is_sent_once_more(process: Process, way: str) -> None:
    async with house({"fake": process.port}, retry_wait_ms=20_000) as gate:
        answer = asyncio.ensure_future(ask(gate, way, do="die", request_id="r-1"))
        assert (await process.told("begin"))["id"] == "r-1"
        await process.process.wait()
        again = await Process.start(process.port, "--calm")
        assert (await again.told("begin"))["id"] == "r-1"
        assert (await answer).usage.executor_pid == again.process.pid
        assert sent_again(gate) == 1
        await again.kill()


@WAYS
async def test_but_only_once(process: Process, way: str) -> None:
    async with house({"fake": process.port}, retry_wait_ms=20_000) as gate:
        answer = asyncio.ensure_future(refused(ask(gate, way, do="die")))
        await process.process.wait()
        again = await Process.start(process.port)
        await again.told("begin")
        not_started(await answer)
        assert sent_again(gate) == 1


@WAYS
async def test_what_had_started_is_not_sent_again(process: Process, way: str) -> None:
    async with house({"fake": process.port}, retry_wait_ms=20_000) as gate:
        answer = asyncio.ensure_future(refused(ask(gate, way, do="die started")))
        await process.told("started")
        # The executor's word is on its way; only what has arrived can be known.
        await another(gate)
        await process.kill()
        again = await Process.start(process.port)
        refusal = await answer
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "EXECUTOR_LOST")
        assert refusal.metadata == {"executor": "fake"}
        await gate.serves("fake.echo")
        assert sent_again(gate) == 0
        assert (await again.told("begin"))["id"] != "r-1"
        await again.kill()


async def another(gate: House) -> None:
    await gate.call(request_id="another")


async def test_a_stream_that_has_sent_an_event_is_not_sent_again(fake: FakeExecutor) -> None:
    async with house({"fake": fake.port}) as gate:
        # It never says that it began, yet what it sent says so.
        parameters = json.dumps({"do": "break when released", "events": 1})
        call = gate.compute.ComputeStream(request(parameters=parameters), timeout=20)
        assert (await call.read()).sequence == 1
        fake.release.set()
        assert (await refused(call.read())).reason == "EXECUTOR_LOST"
        assert len(fake.began) == 1


@WAYS
async def test_a_broken_call_is_sent_again_before_and_not_after(
    fake: FakeExecutor, way: str
) -> None:
    async with house({"fake": fake.port}) as gate:
        not_started(await refused(ask(gate, way, do="break", request_id="before")))
        assert fake.began == ["before", "before"]
        refusal = await refused(ask(gate, way, do="break started", request_id="after"))
        assert refusal.reason == "EXECUTOR_LOST"
        assert fake.began == ["before", "before", "after"]


async def test_one_that_stays_away_is_told_within_the_wait(process: Process) -> None:
    async with house({"fake": process.port}, retry_wait_ms=300) as gate:
        began = asyncio.get_running_loop().time()
        not_started(await refused(ask(gate, "unary", do="die")))
        assert asyncio.get_running_loop().time() - began < 20
        # Known to be away now: at once.
        not_started(await gate.refusal())
        listed = await gate.algorithms.ListAlgorithms(LIST, timeout=20)
        assert not listed.algorithms


async def test_who_waits_is_told_when_the_executor_goes(process: Process) -> None:
    async with house({"fake": process.port}, retry_wait_ms=0) as gate:
        held = [asyncio.ensure_future(gate.refusal(do="hold")) for _ in range(2)]
        for _ in held:
            await process.told("begin")
        waiting = [asyncio.ensure_future(gate.refusal()) for _ in range(3)]
        await eventually(lambda: figure(gate, "edgemesh_waiting") == 3)
        await process.kill()
        for refusal in await asyncio.gather(*waiting):
            not_started(refusal)
        for refusal in await asyncio.gather(*held):
            assert refusal.reason in ("EXECUTOR_LOST", "NOT_STARTED")
        assert figure(gate, "edgemesh_running") == 0


async def test_an_executor_comes_back_and_is_served_without_a_restart(process: Process) -> None:
    async with house({"fake": process.port}) as gate:
        first = (await gate.call()).usage.executor_pid
        for _ in range(2):
            await process.kill()
            not_started(await gate.refusal())
            process.process = (await Process.start(process.port)).process
            await gate.serves("fake.echo")
            assert (await gate.call()).usage.executor_pid == process.process.pid != first
        assert figure(gate, "edgemesh_executor_up") == 1


async def test_killed_under_load_nothing_hangs_and_nothing_is_wrong(process: Process) -> None:
    async with house({"fake": process.port}) as gate:
        stop = asyncio.Event()
        served = 0

        async def caller() -> None:
            nonlocal served
            while not stop.is_set():
                try:
                    response = await gate.call(request_id="load", timeout=10)
                except grpc.aio.AioRpcError as error:
                    assert error.code() is grpc.StatusCode.UNAVAILABLE, error  # noqa: PT017
                    assert Refusal(error).reason in ("NOT_STARTED", "EXECUTOR_LOST")  # noqa: PT017
                    await asyncio.sleep(0.02)
                else:
                    assert response.request_id == "load"
                    served += 1

        callers = [asyncio.create_task(caller()) for _ in range(16)]
        for _ in range(2):
            before = served
            await eventually(lambda before=before: served > before + 50)
            await process.kill()
            process.process = (await Process.start(process.port)).process
        before = served
        await eventually(lambda: served > before + 50)
        stop.set()
        await asyncio.gather(*callers)
        assert figure(gate, "edgemesh_running") == 0


async def test_an_executor_that_no_longer_trusts_the_gateway(fake: FakeExecutor) -> None:
    async with house({"fake": fake.port}, secret="s" * 32) as gate:
        await gate.call()
        fake.secret = "t" * 32
        not_started(await gate.refusal())


async def test_a_refusal_that_is_not_the_meshs_passes_as_it_is(fake: FakeExecutor) -> None:
    async with house({"fake": fake.port}) as gate:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await gate.call(do="refuse")
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert caught.value.details() == "too much"
        assert len(fake.began) == 1


def not_started(refusal: Refusal) -> None:
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "NOT_STARTED")
    assert refusal.delay_s is not None
    assert refusal.delay_s > 0


def sent_again(gate: House) -> float | None:
    return gate.mesh.metrics.registry.get_sample_value("edgemesh_sent_again_total")

"""What only the native data path could get wrong: credit, cancellation, connections, waiting for
Python. What both ways must do is in the other modules, whose tests run on both.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import compute_pb2, compute_pb2_grpc, tensor_pb2
from fake_executor import FakeExecutor
from house import (
    House,
    Process,
    Refusal,
    eventually,
    figure,
    house,
    request,
    tensor,
)
from prometheus_client import generate_latest

from edgemesh_gateway import datapath as module
from edgemesh_gateway.accounting.happened import Happened
from edgemesh_gateway.accounting.ring import Ring

MIB = 1 << 20
PLACE = tensor_pb2.SharedMemory(region="r", offset=16, size=8)
GZIP = grpc.Compression.Gzip


def stream(gate: House, **parameters: Any) -> Any:
    return gate.compute.ComputeStream(request(parameters=json.dumps(parameters)), timeout=60)


async def test_the_usual_request_never_meets_pythons_grpc(gate: House, fake: FakeExecutor) -> None:
    await gate.call(inputs={"x": tensor()}, request_id="r", priority=1)
    assert "user-agent" not in fake.metadata
    # What is unusual does: here, fields in shared memory's place; and what asks for a grant.
    await gate.call(outputs_to={"y": PLACE})
    assert "user-agent" in fake.metadata


async def test_a_compressed_request_is_answered(gate: House) -> None:
    asked = request(inputs={"x": tensor(shape=(4096,), data=bytes(4 * 4096))})
    answer = await gate.compute.Compute(asked, timeout=20, compression=GZIP)
    assert answer.outputs["x"].data == bytes(4 * 4096)


async def test_who_reads_nothing_is_held_back_and_others_are_not(
    gate: House, fake: FakeExecutor
) -> None:
    slow = stream(gate, events=64, size=MIB)
    await eventually(lambda: fake.sent > 0)
    for _ in range(20):
        await gate.call()
    # What fits the windows on the way, and no more: 64 MiB are asked for.
    assert fake.sent < 32
    count = 0
    while (await slow.read()) is not grpc.aio.EOF:
        count += 1
    assert count == 65


async def test_a_slow_reader_of_one_answer_does_not_hold_its_slot(fake: FakeExecutor) -> None:
    async with (
        house({"fake": fake.port}) as gate,
        grpc.aio.insecure_channel(
            gate.mesh.address,
            options=[
                ("grpc.http2.lookahead_bytes", 65_536),
                ("grpc.http2.bdp_probe", 0),
                ("grpc.max_receive_message_length", -1),
            ],
        ) as channel,
    ):
        ask: Any = compute_pb2_grpc.ComputeServiceStub(channel)
        data = bytes(32 * MIB)
        call = ask.Compute(request(inputs={"x": tensor(shape=(8 * MIB,), data=data)}), timeout=60)
        await eventually(lambda: figure(gate, "edgemesh_running") == 0 and len(fake.began) == 1)
        assert len((await call).outputs["x"].data) == len(data)


async def test_what_hears_of_an_end_lives_on_the_loop_though_figures_are_read_elsewhere(
    gate: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[int] = set()
    add = Ring.add

    def heard(ring: Ring, one: Happened) -> None:
        threads.add(threading.get_ident())
        add(ring, one)

    monkeypatch.setattr(Ring, "add", heard)
    for number in range(1, 6):
        await gate.call()
        text = await asyncio.to_thread(generate_latest, gate.mesh.metrics.registry)
        counted = 'edgemesh_rpcs_total{code="OK",method="Compute"}'
        assert f"{counted} {number}.0" in text.decode()
    assert threads == {threading.get_ident()}


async def test_three_thousand_cancelled_at_once(fake: FakeExecutor) -> None:
    async with house({"fake": fake.port}, queue=10_000) as gate:
        calls = [gate.compute.Compute(request(do="hold")) for _ in range(3000)]
        await eventually(lambda: figure(gate, "edgemesh_waiting") == 2998)
        for call in calls:
            call.cancel()
        names = ("edgemesh_running", "edgemesh_waiting")
        await eventually(lambda: all(figure(gate, name) == 0 for name in names))
        await gate.call()
        assert gate.mesh.metrics.registry.get_sample_value("edgemesh_held_bytes") == 0


async def test_an_executor_that_says_go_away_is_dialled_again(fake: FakeExecutor) -> None:
    async with house({"fake": fake.port}, retry_wait_ms=0) as gate:
        held = asyncio.ensure_future(gate.call(do="hold"))
        await eventually(lambda: fake.running == 1)
        stopping = asyncio.ensure_future(fake.stop(5))
        for call in [gate.call() for _ in range(20)]:
            try:
                await call
            except grpc.aio.AioRpcError as error:
                assert Refusal(error).reason == "NOT_STARTED"  # noqa: PT017
        fake.release.set()
        assert (await held).outcome == compute_pb2.OUTCOME_OK
        await stopping
        again = await FakeExecutor().start(fake.port)
        await gate.serves("fake.echo")
        assert again.began
        await again.stop()


async def test_a_busy_python_thread_stops_no_call() -> None:
    process = await Process.start()
    async with house({"fake": process.port}) as gate:
        loop = asyncio.get_running_loop()
        with grpc.insecure_channel(gate.mesh.address) as channel:
            ask: Any = compute_pb2_grpc.ComputeServiceStub(channel)
            ask.Compute(request(), timeout=20)
            answered = loop.run_in_executor(None, lambda: ask.Compute(request(), timeout=20))
            answered.add_done_callback(lambda _: None)
            began = time.monotonic()
            taken: list[float] = []

            def many() -> None:
                for _ in range(20):
                    ask.Compute(request(), timeout=20)
                    taken.append(time.monotonic() - began)

            working = loop.run_in_executor(None, many)
            time.sleep(1.0)  # noqa: ASYNC251 - the loop is kept from everything, as by a computation
            assert len(taken) == 20
            assert taken[-1] < 1.0
            await asyncio.gather(working, answered)
    await process.kill()


def test_native_is_refused_where_it_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    from edgemesh_gateway.settings import GatewaySettings
    from mesh_service.settings import SettingsError

    monkeypatch.setattr(module, "present", lambda: False)
    settings = GatewaySettings(datapath="native")
    with pytest.raises(SettingsError, match=r"EDGEMESH_GATEWAY_DATAPATH.*edgemesh_datapath"):
        settings.check()
    assert not GatewaySettings(datapath="auto").native

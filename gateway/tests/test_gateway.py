"""The whole way of a request, over real servers."""

from __future__ import annotations

import asyncio
import json
import urllib.request

import grpc
import pytest
from edgemesh.compute.v1 import algorithm_pb2, compute_pb2
from fake_executor import FakeExecutor
from house import House, Refusal, answered, eventually, figure, house, request, tensor

LIST = algorithm_pb2.ListAlgorithmsRequest()
METADATA_OF_OURS = (
    ("edgemesh-tenant", "someone-else"),
    ("edgemesh-secret", "guessed"),
    ("edgemesh-request-id", "from-header"),
)


async def test_answer_comes_back_as_it_was_sent(gate: House, fake: FakeExecutor) -> None:
    inputs = {"x": tensor(), "empty": tensor(shape=(0, 3), data=b"")}
    response = await gate.call(request_id="r-1", inputs=inputs)
    assert response.request_id == "r-1"
    assert dict(response.outputs) == inputs
    assert fake.began == ["r-1"]


async def test_identity_goes_down_and_a_callers_own_is_stripped(gate: House) -> None:
    response = await gate.compute.Compute(request(), metadata=METADATA_OF_OURS, timeout=20)
    seen = json.loads(response.result)
    assert seen["edgemesh-tenant"] == "local"
    assert seen["edgemesh-request-id"] == "from-header"
    assert "edgemesh-secret" not in seen


async def test_a_request_id_is_made_when_there_is_none(gate: House) -> None:
    first, second = await gate.call(), await gate.call()
    assert first.request_id
    assert first.request_id != second.request_id


async def test_secret_goes_to_the_executor() -> None:
    executor = await FakeExecutor(secret="s" * 32).start()
    async with house({"fake": executor.port}, secret="s" * 32) as gate:
        await gate.call()
    async with house({"fake": executor.port}, absent="fake", secret="t" * 32) as gate:
        assert (await gate.refusal(algorithm="fake.echo")).reason == "NOT_STARTED"
    await executor.stop()


async def test_deadline_goes_down_less_a_margin(gate: House) -> None:
    left = json.loads((await gate.call(timeout=0.9)).result)["left"]
    assert 0.5 < left <= 0.885
    assert json.loads((await gate.call(timeout=None)).result)["left"] is None


async def test_deadline_that_passes_in_the_executor(gate: House, fake: FakeExecutor) -> None:
    tries = 0
    while True:
        tries += 1
        call = gate.compute.Compute(request(do="hold"), timeout=1.0)
        with pytest.raises(grpc.aio.AioRpcError) as late:
            await call
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await eventually(lambda tries=tries: fake.cancelled == tries)
        if (
            answered(late.value) or tries == 5
        ):  # else its caller's clock, just after ours, was first
            break
    refusal = Refusal(late.value)
    assert (refusal.reason, refusal.metadata["stage"]) == ("DEADLINE_EXCEEDED", "executor")


async def test_cancelling_stops_the_work_and_frees_the_slot(
    gate: House, fake: FakeExecutor
) -> None:
    for _ in range(3):
        calls = [gate.compute.Compute(request(do="hold")) for _ in range(2)]
        await eventually(lambda: fake.running == 2)
        for call in calls:
            call.cancel()
        await eventually(lambda: fake.running == 0)
    await gate.call(timeout=5)
    assert fake.cancelled == 6


async def test_cancelling_a_stream_stops_the_work(gate: House, fake: FakeExecutor) -> None:
    parameters = json.dumps({"do": "hold unstarted", "events": 1})
    call = gate.compute.ComputeStream(request(parameters=parameters))
    await call.read()
    call.cancel()
    await eventually(lambda: fake.cancelled == 1)


async def test_events_come_one_by_one_and_the_response_last(
    gate: House, fake: FakeExecutor
) -> None:
    parameters = json.dumps({"do": "hold unstarted", "events": 3})
    call = gate.compute.ComputeStream(request(parameters=parameters), timeout=20)
    events = [await call.read() for _ in range(3)]
    assert not fake.release.is_set(), "events must come while the work still runs"
    fake.release.set()
    while (event := await call.read()) is not grpc.aio.EOF:
        events.append(event)
    assert [event.sequence for event in events] == [1, 2, 3, 4]
    assert events[-1].response.outcome == compute_pb2.OUTCOME_OK


async def test_an_executors_own_refusal_passes_with_its_details(gate: House) -> None:
    refusal = await gate.refusal(do="fail")
    assert (refusal.code, refusal.reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_PARAMETER",
    )
    assert refusal.violations == {"parameters.n": "an integer"}


async def test_never_more_running_than_slots_and_all_are_answered(
    gate: House, fake: FakeExecutor
) -> None:
    held = [asyncio.ensure_future(gate.call(do="hold")) for _ in range(6)]
    await eventually(lambda: fake.running == 2)
    full = await gate.refusal()
    assert (full.code, full.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL")
    assert full.metadata == {"limit": "4"}
    assert full.delay_s is not None
    assert full.delay_s > 0
    fake.release.set()
    await asyncio.gather(*held)
    assert fake.most_running == 2


async def test_priority_then_first_come(gate: House, fake: FakeExecutor) -> None:
    held = [asyncio.ensure_future(gate.call(do="hold")) for _ in range(2)]
    await eventually(lambda: fake.running == 2)
    fake.began.clear()
    order = [("b", "BATCH"), ("i1", "INTERACTIVE"), ("i2", "UNSPECIFIED"), ("r", "REALTIME")]
    waiting: list[asyncio.Future[compute_pb2.ComputeResponse]] = []
    for count, (name, priority) in enumerate(order, 1):
        # Without deadlines: the earliest would be first, and gRPC rounds what is told of them.
        ask = gate.call(timeout=None, request_id=name, priority=f"PRIORITY_{priority}")
        waiting.append(asyncio.ensure_future(ask))
        await eventually(lambda count=count: figure(gate, "edgemesh_waiting") == count)
    # One at a time, so that the order of the grants is the order of arrival below.
    await fake.offer("fake.echo", slots=1)
    await eventually(lambda: figure(gate, "edgemesh_slots") == 1)
    fake.release.set()
    await asyncio.gather(*held, *waiting)
    assert fake.began == ["r", "i1", "i2", "b"]


async def test_a_deadline_that_passes_in_the_queue_never_reaches_a_slot(
    gate: House, fake: FakeExecutor
) -> None:
    held = [asyncio.ensure_future(gate.call(do="hold")) for _ in range(2)]
    await eventually(lambda: fake.running == 2)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await gate.call(request_id="late", timeout=0.2)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    fake.release.set()
    await asyncio.gather(*held)
    await gate.call(request_id="after")
    assert "late" not in fake.began


async def test_a_caller_who_left_the_queue_never_reaches_a_slot(
    gate: House, fake: FakeExecutor
) -> None:
    held = [asyncio.ensure_future(gate.call(do="hold")) for _ in range(2)]
    await eventually(lambda: fake.running == 2)
    gone = gate.compute.Compute(request(request_id="gone"))
    await eventually(lambda: figure(gate, "edgemesh_waiting") == 1)
    gone.cancel()
    await eventually(lambda: figure(gate, "edgemesh_waiting") == 0)
    fake.release.set()
    await asyncio.gather(*held)
    await gate.call(request_id="after")
    assert fake.began[2:] == ["after"]


async def test_slots_follow_the_description(gate: House, fake: FakeExecutor) -> None:
    held = [asyncio.ensure_future(gate.call(do="hold")) for _ in range(5)]
    await eventually(lambda: fake.running == 2)
    await fake.offer("fake.echo", "fake.new", slots=5)
    await eventually(lambda: fake.running == 5)
    fake.release.set()
    await asyncio.gather(*held)
    await gate.call(algorithm="fake.new")
    await fake.offer("fake.new")
    await eventually(lambda: figure(gate, "edgemesh_slots") == 5)
    async with asyncio.timeout(10):
        while len((await gate.algorithms.ListAlgorithms(LIST)).algorithms) > 1:
            pass
    assert (await gate.refusal(algorithm="fake.echo")).reason == "UNKNOWN_ALGORITHM"


async def test_what_a_thousand_callers_hold_is_given_back(fake: FakeExecutor) -> None:
    async with house({"fake": fake.port}, queue=1000) as gate:

        async def caller(number: int) -> bool:
            call = gate.compute.Compute(request(inputs={"x": tensor()}), timeout=20)
            if number % 3 == 0:
                # Some are cancelled before they go out, some on the way, some in the queue.
                await asyncio.sleep(number / 5000)
                call.cancel()
            try:
                await call
            except asyncio.CancelledError:
                return False
            return True

        answered = await asyncio.gather(*(caller(number) for number in range(1000)))
        assert all(answered[1::3])
        names = ("edgemesh_running", "edgemesh_waiting")
        await eventually(lambda: all(figure(gate, name) == 0 for name in names))
        assert gate.mesh.metrics.registry.get_sample_value("edgemesh_held_bytes") == 0
        assert fake.most_running <= 2
        await gate.call()


async def test_metrics_show_the_house(gate: House) -> None:
    await gate.call()
    url = f"http://{gate.mesh.metrics_address}/metrics"
    page = await asyncio.to_thread(lambda: urllib.request.urlopen(url).read().decode())
    assert 'edgemesh_executor_up{executor="fake"} 1.0' in page
    assert 'edgemesh_slots{executor="fake"} 2.0' in page


@pytest.mark.parametrize("algorithm", ["fake.echo", "fake.echo@1"])
async def test_an_absent_executor_holds_up_nobody_else(
    fake: FakeExecutor, algorithm: str, unused_tcp_port: int
) -> None:
    async with house({"absent": unused_tcp_port, "fake": fake.port}, absent="absent") as gate:
        await gate.call(algorithm=algorithm)
        refusal = await gate.refusal(algorithm="absent.one")
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "NOT_STARTED")
        assert refusal.metadata == {"executor": "absent"}
        assert refusal.delay_s is not None
        assert refusal.delay_s > 0

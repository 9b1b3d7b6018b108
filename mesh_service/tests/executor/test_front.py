"""An executor's front over real workers: what a caller gets for each thing that work may do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import urllib.request
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import compute_pb2, tensor_pb2
from edgemesh.executor.v1 import executor_pb2, executor_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from mesh_service import translate

Request = compute_pb2.ComputeRequest


def stub_of(channel: grpc.aio.Channel) -> Any:
    return executor_pb2_grpc.ExecutorServiceStub(channel)


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> Any:
    return stub_of(channel)


def do(what: str, **fields: Any) -> compute_pb2.ComputeRequest:
    return Request(algorithm="sample.do", parameters=json.dumps({"do": what}), **fields)


def echo(data: bytes) -> compute_pb2.ComputeRequest:
    request = Request(algorithm="sample.echo", request_id="r-1")
    request.inputs["x"].dtype = tensor_pb2.DATA_TYPE_UINT8
    request.inputs["x"].shape.append(len(data))
    request.inputs["x"].data = data
    return request


@pytest.mark.parametrize("size", [1, 1000, 3 << 20])
async def test_a_tensor_goes_through_a_worker_and_back(stub: Any, size: int) -> None:
    data = os.urandom(size)
    response = await stub.Execute(echo(data))
    assert response.outcome == compute_pb2.OUTCOME_OK
    assert response.outputs["x"].data == data
    assert list(response.outputs["x"].shape) == [size]
    assert response.algorithm == "sample.echo@1"
    assert response.request_id == "r-1"
    usage = response.usage
    assert usage.executor == "sample"
    assert len({os.getpid(), usage.executor_pid, usage.worker_pid}) == 3
    assert usage.total_us >= usage.run_us > 0


async def test_the_last_version_is_the_default_and_each_can_be_named(stub: Any) -> None:
    for name, version in (("sample.do", "2"), ("sample.do@1", "1"), ("sample.do@2", "2")):
        response = await stub.Execute(Request(algorithm=name))
        assert json.loads(response.result)["version"] == version


async def test_events_come_in_order_and_the_response_last(stub: Any) -> None:
    events = [event async for event in stub.ExecuteStream(do("events"))]
    assert [e.WhichOneof("event") for e in events] == [
        "output", "token", "progress", "output", "response",
    ]  # fmt: skip
    assert [e.sequence for e in events] == [1, 2, 3, 4, 5]
    assert events[1].token == compute_pb2.TokenEvent(text="he", id=7, logprob=-0.5)
    last = events[-1].response
    assert (last.stdout, last.stderr, json.loads(last.result)) == ("begun\n", "done\n", [1, 2**60])


async def test_a_flood_of_events_is_put_together_and_loses_no_text(stub: Any) -> None:
    # More than the default run time: a machine with much else to do needs ten times its 1.3 s.
    asked = do("flood", limits=compute_pb2.Limits(run_time_ms=60_000))
    events = [event async for event in stub.ExecuteStream(asked, timeout=90)]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    text = "".join(event.output.text for event in events if event.HasField("output"))
    assert text == "begun\n" + "".join(f"{number}\n" for number in range(30_000))
    fractions = [event.progress.fraction for event in events if event.HasField("progress")]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 29_999 / 30_000
    assert len(events) < 20_000


async def test_a_stream_may_end_with_a_large_tensor(stub: Any) -> None:
    events = [event async for event in stub.ExecuteStream(echo(bytes(1 << 20)))]
    assert len(events) == 1
    assert len(events[0].response.outputs["x"].data) == 1 << 20


@pytest.mark.parametrize(
    ("what", "outcome", "kind"),
    [
        ("raise_failure", compute_pb2.OUTCOME_EXCEPTION, "ValueError"),
        ("die", compute_pb2.OUTCOME_CRASH, "WorkerCrashed"),
        ("lie", compute_pb2.OUTCOME_CRASH, "WorkerCrashed"),
        ("grow", compute_pb2.OUTCOME_MEMORY_LIMIT, "MemoryLimit"),
        ("hang", compute_pb2.OUTCOME_TIMEOUT, "TimeLimit"),
        ("wait", compute_pb2.OUTCOME_TIMEOUT, "TimeLimit"),
    ],
)
async def test_works_own_failure_is_an_outcome(
    stub: Any, what: str, outcome: int, kind: str
) -> None:
    limits = compute_pb2.Limits(run_time_ms=2000, memory_bytes=64 << 20)
    response = await stub.Execute(do(what, limits=limits))
    assert response.outcome == outcome
    assert response.failure.type == kind
    if what == "die":
        assert response.failure.signal == signal.SIGSEGV
    if what in ("die", "hang", "grow", "wait"):
        assert response.stdout == "begun\n"
    following = await stub.Execute(echo(b"next"))
    assert following.outputs["x"].data == b"next"


@pytest.mark.parametrize("patience", [0.25, 1.0])
async def test_the_outcome_comes_before_the_callers_deadline(stub: Any, patience: float) -> None:
    # The margin is tens of milliseconds, which a busy machine may take for itself now and then.
    for _ in range(8):
        with contextlib.suppress(grpc.aio.AioRpcError):
            response = await stub.Execute(do("hang"), timeout=patience)
            assert response.outcome == compute_pb2.OUTCOME_TIMEOUT
            assert response.failure.limit.name == "run_time_ms"
            return
    pytest.fail("the caller saw only its own deadline, eight times")


@pytest.mark.parametrize("what", ["fault", "not_json"])
async def test_a_fault_of_the_runner_is_told_by_id_only(stub: Any, what: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Execute(do(what))
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in str(caught.value)


REFUSED: list[tuple[compute_pb2.ComputeRequest, str, str]] = [
    (Request(), "INVALID_REQUEST", "algorithm"),
    (Request(algorithm="sample.ecko"), "UNKNOWN_ALGORITHM", "sample.echo"),
    (Request(algorithm="sample.do@9"), "UNKNOWN_ALGORITHM", "sample.do@"),
    (Request(algorithm="sample.do", session_id="s"), "INVALID_REQUEST", "session_id"),
    (Request(algorithm="sample.do", capabilities=["x"]), "INVALID_REQUEST", "capabilities"),
    (Request(algorithm="sample.do", parameters="[1]"), "INVALID_PARAMETER", "parameters"),
    (Request(algorithm="sample.do", parameters="{"), "INVALID_PARAMETER", "parameters"),
    (Request(algorithm="sample.do", parameters="[" * 100_000), "INVALID_PARAMETER", "nested"),
    (Request(algorithm="sample.do", parameters='{"do":1}'), "INVALID_PARAMETER", "parameters.do"),
    (Request(algorithm="sample.do", parameters='{"do":NaN}'), "INVALID_PARAMETER", "no JSON"),
    (
        Request(algorithm="sample.do", parameters='{"do":"\\ud800"}'),
        "INVALID_PARAMETER",
        "surrogate",
    ),
    (Request(algorithm="sample.do", parameters='{"no":1}'), "INVALID_PARAMETER", "parameters"),
    (Request(algorithm="sample.echo", parameters='{"a":1}'), "INVALID_PARAMETER", "parameters"),
    (Request(algorithm="sample.echo"), "INVALID_TENSOR", "inputs.x"),
    (
        Request(algorithm="sample.do", limits=compute_pb2.Limits(run_time_ms=10**9)),
        "INVALID_REQUEST",
        "limits.run_time_ms",
    ),
    (
        Request(algorithm="sample.do", limits=compute_pb2.Limits(cpu_ms=1)),
        "INVALID_REQUEST",
        "limits.cpu_ms",
    ),
    (do("refuse"), "INVALID_PARAMETER", "inputs.x"),
]


@pytest.mark.parametrize(("request_", "reason", "named"), REFUSED)
async def test_bad_input_is_refused_with_its_field(
    stub: Any, request_: compute_pb2.ComputeRequest, reason: str, named: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Execute(request_)
    assert translate.reason_of(caught.value) == reason
    assert named in (caught.value.details() or "")


async def test_ten_thousand_inputs_are_refused(stub: Any) -> None:
    request = Request(algorithm="sample.echo")
    for number in range(10_000):
        request.inputs[f"x{number}"].dtype = tensor_pb2.DATA_TYPE_UINT8
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Execute(request)
    assert translate.reason_of(caught.value) == "INVALID_REQUEST"


async def test_a_start_is_told_before_the_end(stub: Any) -> None:
    call = stub.ExecuteStream(do("wait"), timeout=30)
    assert ("edgemesh-started", "1") in tuple(await call.initial_metadata())
    call.cancel()


async def test_a_caller_that_leaves_frees_the_slot(start_executor: Any) -> None:
    address = start_executor(workers=1, spares=1).serving()["address"]
    async with grpc.aio.insecure_channel(address) as channel:
        stub = stub_of(channel)
        call = stub.Execute(do("hang"))
        while not any(await busy(stub)):
            pass
        call.cancel()
        following = await stub.Execute(echo(b"x"), timeout=10)
        assert following.outputs["x"].data == b"x"


async def busy(stub: Any) -> list[bool]:
    """Whether a one-worker executor's worker runs something: a probe with little patience waits."""
    try:
        await stub.Execute(echo(b"x"), timeout=0.2)
    except grpc.aio.AioRpcError:
        return [True]
    return [False]


async def test_describe_and_watch_tell_algorithms_and_terms(stub: Any) -> None:
    described = await stub.Describe(executor_pb2.DescribeRequest())
    assert {(a.name, a.version) for a in described.algorithms} == {
        ("sample.echo", "1"), ("sample.do", "1"), ("sample.do", "2"), ("sample.many", "1"),
        ("sample.hold", "1"),
    }  # fmt: skip
    assert described.capacity.slots == 2
    assert described.default_run_time_ms == 10_000
    watch = stub.WatchDescribe(executor_pb2.WatchDescribeRequest())
    assert (await watch.read()).description == described
    watch.cancel()


def _metrics(address: str) -> str:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        return answer.read().decode()


async def test_walls_around_the_workers_are_told(start_executor: Any) -> None:
    serving = start_executor().serving()
    async with grpc.aio.insecure_channel(serving["address"]) as channel:
        described = await stub_of(channel).Describe(executor_pb2.DescribeRequest())
    walls = [(wall.name, wall.stands, wall.detail) for wall in described.walls]
    assert walls == [("moat", True, "deep"), ("gate", False, "no wood")]
    lines = (await asyncio.to_thread(_metrics, serving["metrics"])).splitlines()
    assert {'edgemesh_wall{wall="moat"} 1.0', 'edgemesh_wall{wall="gate"} 0.0'} <= set(lines)


async def test_tenants_have_workers_of_their_own_where_that_is_set(start_executor: Any) -> None:
    serving = start_executor(workers=2, tenant_workers=True).serving()
    async with grpc.aio.insecure_channel(serving["address"]) as channel:
        stub = stub_of(channel)
        served: dict[int, set[str]] = {}
        for tenant in "abcacb":
            response = await stub.Execute(
                echo(b"x"), metadata=(("edgemesh-tenant", tenant),), timeout=30
            )
            served.setdefault(response.usage.worker_pid, set()).add(tenant)
    assert all(len(tenants) == 1 for tenants in served.values()), served


async def test_health_says_no_while_no_worker_can_start(start_executor: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    process = start_executor(broken=True, port=port)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        answer = await health.Check(
            health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=20
        )
        assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING
    process.popen.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.popen.wait, 20) == 0
    assert process.popen.stdout.read() == ""


async def test_sigterm_finishes_what_runs(start_executor: Any) -> None:
    process = start_executor(workers=1)
    address = process.serving()["address"]
    async with grpc.aio.insecure_channel(address) as channel:
        stub = stub_of(channel)
        health: Any = health_pb2_grpc.HealthStub(channel)
        watch = health.Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        described = stub.WatchDescribe(executor_pb2.WatchDescribeRequest())
        await described.read()
        call = stub.ExecuteStream(do("wait", limits=compute_pb2.Limits(run_time_ms=1500)))
        await call.initial_metadata()
        process.popen.send_signal(signal.SIGTERM)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        events = [event async for event in call]
        assert events[-1].response.outcome == compute_pb2.OUTCOME_TIMEOUT
        # A watch never ends by itself: it must not be waited for (drain_s is 30 s).
        assert await asyncio.to_thread(process.popen.wait, 20) == 0


async def test_a_public_executor_demands_the_secret(start_executor: Any) -> None:
    secret = "s" * 40
    address = start_executor(host="0.0.0.0", secret=secret).serving()["address"]
    port = address.rpartition(":")[2]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = stub_of(channel)
        for given in ((), (("edgemesh-secret", "wrong"),)):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Execute(echo(b"x"), metadata=given)
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        response = await stub.Execute(echo(b"x"), metadata=(("edgemesh-secret", secret),))
        assert response.outcome == compute_pb2.OUTCOME_OK


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"workers": "x"}, "EDGEMESH_SAMPLE_WORKERS"),
        ({"host": "0.0.0.0"}, "EDGEMESH_SAMPLE_SECRET"),
    ],
)
async def test_bad_settings_do_not_start(
    start_executor: Any, settings: dict[str, str], named: str, capfd: pytest.CaptureFixture[str]
) -> None:
    process = start_executor(**settings)
    assert await asyncio.to_thread(process.popen.wait, 20) == 2
    lines = capfd.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert named in lines[0]

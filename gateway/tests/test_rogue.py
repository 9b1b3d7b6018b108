"""An executor that breaks the contract: its callers are told so, and nothing of ours breaks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import (
    algorithm_pb2,
    compute_pb2,
    environment_pb2,
    environment_pb2_grpc,
    session_pb2,
    session_pb2_grpc,
)
from edgemesh.inference import open_inference_grpc_pb2 as inference
from edgemesh.inference import open_inference_grpc_pb2_grpc as inference_grpc
from house import House, Refusal, eventually, figure, house, http, refused, request
from rogue_executor import RogueExecutor

LOST = (grpc.StatusCode.UNAVAILABLE, "EXECUTOR_LOST")


@pytest.fixture
async def fake() -> AsyncIterator[RogueExecutor]:
    executor = await RogueExecutor().start()
    yield executor
    await executor.stop()


@pytest.fixture
async def gate(fake: RogueExecutor) -> AsyncIterator[House]:
    async with house({"fake": fake.port}, rest_port=0, retry_wait_ms=0) as running:
        yield running


async def still_serves(gate: House, fake: RogueExecutor, faults: pytest.LogCaptureFixture) -> None:
    fake.does.clear()
    await gate.serves("fake.echo")
    assert (await gate.call()).outcome == compute_pb2.OUTCOME_OK
    await eventually(lambda: figure(gate, "edgemesh_running") == 0)
    assert gate.mesh.metrics.registry.get_sample_value("edgemesh_held_bytes") == 0
    ours = [each for each in faults.records if each.name.startswith("edgemesh") and each.exc_info]
    assert not ours, ours[0].exc_text or ours[0]


@pytest.mark.parametrize(
    ("does", "code", "reason"),
    [
        ("twice", grpc.StatusCode.UNAVAILABLE, "EXECUTOR_LOST"),
        ("nothing", None, None),
        ("odd details", grpc.StatusCode.ABORTED, None),
        ("odd status", grpc.StatusCode.DATA_LOSS, None),
        ("raises", grpc.StatusCode.UNKNOWN, None),
        ("never", grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
        ("started and never", grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
    ],
)
async def test_calls(
    gate: House,
    fake: RogueExecutor,
    caplog: pytest.LogCaptureFixture,
    does: str,
    code: grpc.StatusCode | None,
    reason: str | None,
    datapath: str,
) -> None:
    fake.does |= {"Execute": does, "ExecuteStream": does}
    # gRPC's own client waits for ever for the end of an answer that came twice.
    waits = "never" in does or (does == "twice" and datapath == "python")
    patience = 0.7 if waits else 20.0
    if waits:
        code, reason = grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await gate.call(timeout=patience)
    if code is not None:
        assert caught.value.code() is code
    if reason is not None and any(
        key == "grpc-status-details-bin" for key, _ in caught.value.trailing_metadata() or ()
    ):
        assert Refusal(caught.value).reason == reason
    stream = gate.compute.ComputeStream(request(), timeout=patience)
    try:
        async for _ in stream:
            pass
    except grpc.aio.AioRpcError as error:
        assert "never" not in does or error.code() is grpc.StatusCode.DEADLINE_EXCEEDED  # noqa: PT017
    if "never" in does:
        await eventually(lambda: fake.cancelled == 2)
    await still_serves(gate, fake, caplog)


async def test_garbage_for_answers(
    gate: House, fake: RogueExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    fake.does |= {"Execute": "garbage", "ExecuteStream": "garbage"}
    channel: Any = gate.channel
    ask = channel.unary_unary("/edgemesh.compute.v1.ComputeService/Compute")
    # To who speaks the contract itself it is passed on as it is.
    assert await ask(request().SerializeToString(), timeout=20)
    stub: Any = inference_grpc.GRPCInferenceServiceStub(gate.channel)
    asked = inference.ModelInferRequest(model_name="fake.echo")
    refusal = await refused(stub.ModelInfer(asked, timeout=20))
    assert (refusal.code, refusal.reason) == LOST
    async with http(gate.mesh) as web:
        asks: dict[str, dict[str, Any]] = {
            "/api/v1/compute/fake.echo": {},
            "/api/v1/compute/python.run": {"parameters": {"code": "1"}},
            "/v2/models/fake.echo/infer": {"inputs": []},
            "/v1/completions": {"model": "m", "prompt": "p"},
        }
        for path, body in asks.items():
            answer = await web.post(path, json=body)
            assert answer.status_code in (404, 503), (path, answer.text)
        events = await web.post(
            "/api/v1/compute/fake.echo", json={}, headers={"accept": "text/event-stream"}
        )
        assert "INTERNAL" not in events.text
    await still_serves(gate, fake, caplog)


async def test_garbage_for_what_the_gateway_asks(
    gate: House, fake: RogueExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    environments: Any = environment_pb2_grpc.EnvironmentServiceStub(gate.channel)
    wanted = environment_pb2.CreateEnvironmentRequest(dependencies=["x"])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in environments.CreateEnvironment(wanted, timeout=20):
            pass
    assert (caught.value.code(), Refusal(caught.value).reason) == LOST
    register = algorithm_pb2.RegisterAlgorithmRequest(name="python.a", code="def a(): pass")
    refusal = await refused(gate.algorithms.RegisterAlgorithm(register, timeout=20))
    assert (refusal.code, refusal.reason) == LOST
    await still_serves(gate, fake, caplog)


async def test_sessions_of_replicas_that_answer_garbage(
    fake: RogueExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    other = await RogueExecutor().start()
    async with house({"fake": [fake.port, other.port]}, retry_wait_ms=0) as gate:
        stub: Any = session_pb2_grpc.SessionServiceStub(gate.channel)
        refusal = await refused(stub.ListSessions(session_pb2.ListSessionsRequest(), timeout=20))
        assert (refusal.code, refusal.reason) == LOST
        for name in "abcdefgh":  # to the same replica, and to the other
            fork = session_pb2.ForkSessionRequest(session_id="s", fork_id=name)
            try:
                await stub.ForkSession(fork, timeout=20)
            except grpc.aio.AioRpcError as error:
                if any(key == "grpc-status-details-bin" for key, _ in error.trailing_metadata()):
                    assert (error.code(), Refusal(error).reason) == LOST  # noqa: PT017
        await still_serves(gate, fake, caplog)
    await other.stop()


@pytest.mark.parametrize("does", ["garbage", "nothing", "raises", "twice"])
async def test_descriptions(
    gate: House, fake: RogueExecutor, caplog: pytest.LogCaptureFixture, does: str
) -> None:
    fake.does |= {"WatchDescribe": does, "Describe": does}
    # Its watch begins anew: it is away then, and comes back when it keeps to the contract.
    await fake.stop()
    again = RogueExecutor()
    again.does = dict(fake.does)
    server: Any = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((again,))
    assert server.add_insecure_port(f"127.0.0.1:{fake.port}") == fake.port
    await server.start()
    await eventually(lambda: again.asked.count("WatchDescribe") >= 2)
    again.does.clear()
    # Of the watches that have begun one may have described it and be about to end.
    begun = again.asked.count("WatchDescribe")
    await eventually(lambda: again.asked.count("WatchDescribe") > begun)
    await still_serves(gate, again, caplog)
    await server.stop(None)

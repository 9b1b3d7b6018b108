"""A server on a real port: health over its life, reflection, the stack's errors, graceful stop."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from edgemesh.executor.v1 import executor_pb2
from google.rpc import error_details_pb2, status_pb2  # pyright: ignore[reportMissingTypeStubs]
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from mesh_service import errors, stack, translate
from mesh_service.server import MeshServer, PortTaken
from mesh_service.settings import ServiceSettings

NAME: str = executor_pb2.DESCRIPTOR.services_by_name["ExecutorService"].full_name


class Probe:
    """A service with one method for each thing that a handler may do."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.release = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.seen: list[stack.Rpc] = []
        self.poured: asyncio.Future[errors.MeshError] = asyncio.Future()

    async def echo(self, raw: bytes, rpc: stack.Rpc) -> bytes:
        self.seen.append(rpc)
        return raw

    async def refuse(self, raw: bytes, rpc: stack.Rpc) -> bytes:
        raise errors.InvalidParameter([errors.Violation("parameters.n", "an integer")])

    async def fail(self, raw: bytes, rpc: stack.Rpc) -> bytes:
        raise ZeroDivisionError("a secret of ours")

    async def wait(self, raw: bytes, rpc: stack.Rpc) -> bytes:
        self.entered.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return b"done"

    async def pour(self, raw: bytes, rpc: stack.Rpc) -> None:
        try:
            while True:
                await rpc.write(bytes(1 << 20))
        except errors.MeshError as error:
            self.poured.set_result(error)
            raise

    async def count(self, raw: bytes, rpc: stack.Rpc) -> None:
        for number in range(3):
            await rpc.write(bytes([number]))
        if raw:
            raise errors.QueueFull(1, 0.5)


@pytest.fixture
async def probe() -> Probe:
    return Probe()


@pytest.fixture
async def mesh(probe: Probe) -> AsyncIterator[MeshServer]:
    server = MeshServer(ServiceSettings(max_request_bytes=1024, drain_s=5))
    server.add(
        NAME,
        {
            "Execute": ("unary", probe.echo),
            "Refuse": ("unary", probe.refuse),
            "Fail": ("unary", probe.fail),
            "Wait": ("unary", probe.wait),
            "ExecuteStream": ("stream", probe.count),
            "Pour": ("stream", probe.pour),
        },
    )
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def channel(mesh: MeshServer) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(mesh.address) as channel:
        yield channel


async def call(channel: grpc.aio.Channel, method: str, raw: bytes = b"x", **options: Any) -> bytes:
    made: Any = channel.unary_unary(f"/{NAME}/{method}")
    answer: bytes = await made(raw, **options)
    return answer


async def call_once(channel: grpc.aio.Channel) -> bytes:
    return await call(channel, "Execute")


def details(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    found = {k: v for k, v in error.trailing_metadata() or () if k == translate.DETAILS_KEY}
    value = found[translate.DETAILS_KEY]
    assert isinstance(value, bytes)
    return status_pb2.Status.FromString(value)


async def test_a_request_id_is_kept_when_valid_and_made_otherwise(
    channel: grpc.aio.Channel, probe: Probe
) -> None:
    for given in ("mine-1", "bad id!", None):
        metadata = ((stack.REQUEST_ID, given),) if given else ()
        await call(channel, "Execute", metadata=metadata)
    ids = [rpc.request_id for rpc in probe.seen]
    assert ids[0] == "mine-1"
    assert all(len(made) == 24 for made in ids[1:])
    assert len(set(ids)) == 3


async def test_a_refusal_names_the_field(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(channel, "Refuse")
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    bad = error_details_pb2.BadRequest()
    assert details(caught.value).details[1].Unpack(bad)
    assert bad.field_violations[0].field == "parameters.n"


async def test_a_fault_of_ours_tells_its_id_and_nothing_else(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(channel, "Fail")
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in str(caught.value)
    info = error_details_pb2.ErrorInfo()
    assert details(caught.value).details[0].Unpack(info)
    assert info.metadata["error_id"] in (caught.value.details() or "")


async def test_a_stream_ends_with_its_error_after_its_messages(channel: grpc.aio.Channel) -> None:
    made: Any = channel.unary_stream(f"/{NAME}/ExecuteStream")
    assert [m async for m in made(b"")] == [b"\0", b"\1", b"\2"]
    got: list[bytes] = []
    with pytest.raises(grpc.aio.AioRpcError) as caught:  # noqa: PT012 (what came before counts)
        async for message in made(b"fail"):
            got.append(message)
    assert len(got) == 3
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_who_does_not_read_is_given_up(
    channel: grpc.aio.Channel, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "STALL_S", 0.2)
    made: Any = channel.unary_stream(f"/{NAME}/Pour")
    call = made(b"")
    async with asyncio.timeout(20):
        assert isinstance(await probe.poured, errors.DeadlineExceeded)
    # Others are served meanwhile, and the one who did not read does not delay a stop.
    assert await call_once(channel) == b"x"
    call.cancel()


async def test_who_leaves_while_being_written_to_is_no_fault_of_ours(
    channel: grpc.aio.Channel, probe: Probe
) -> None:
    made: Any = channel.unary_stream(f"/{NAME}/Pour")
    call = made(b"")
    await call.read()
    call.cancel()
    done, _ = await asyncio.wait((probe.poured,), timeout=2)
    # gRPC either cancels the handler or fails its write.
    assert all(isinstance(future.result(), errors.Cancelled) for future in done)


async def test_a_caller_that_leaves_cancels_its_handler(
    channel: grpc.aio.Channel, probe: Probe
) -> None:
    task = asyncio.create_task(call(channel, "Wait"))
    await probe.entered.wait()
    task.cancel()
    async with asyncio.timeout(20):
        await probe.cancelled.wait()


async def test_a_deadline_reaches_the_handler(channel: grpc.aio.Channel, probe: Probe) -> None:
    await call(channel, "Execute", timeout=30)
    await call(channel, "Execute")
    left = probe.seen[0].time_left()
    assert left is not None
    assert 0 < left < 31  # gRPC rounds a timeout up
    assert probe.seen[1].deadline is None


async def test_health_is_watched_over_a_life(mesh: MeshServer, probe: Probe) -> None:
    async with grpc.aio.insecure_channel(mesh.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service=NAME))
        seen = [(await watch.read()).status]
        await mesh.set_serving(True)
        seen.append((await watch.read()).status)
        running = asyncio.create_task(call(channel, "Wait"))
        await probe.entered.wait()
        stopping = asyncio.create_task(mesh.stop())
        seen.append((await watch.read()).status)
        status = health_pb2.HealthCheckResponse
        assert seen == [status.NOT_SERVING, status.SERVING, status.NOT_SERVING]
        # What runs is finished, what comes is refused.
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(channel, "Execute")
        assert translate.reason_of(caught.value) == "SHUTTING_DOWN"
        assert not stopping.done()
        probe.release.set()
        assert await running == b"done"
        async with asyncio.timeout(10):
            await stopping


async def test_reflection_lists_and_describes_the_service(channel: grpc.aio.Channel) -> None:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)  # pyright: ignore
    asked = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=NAME),
    ]
    stream = stub.ServerReflectionInfo(iter(asked))
    answers = [answer async for answer in stream]
    names = {s.name for s in answers[0].list_services_response.service}
    assert {NAME, "grpc.health.v1.Health"} <= names
    assert answers[1].file_descriptor_response.file_descriptor_proto


async def test_metrics_count_by_method_and_code(
    mesh: MeshServer, channel: grpc.aio.Channel
) -> None:
    await call(channel, "Execute")
    with pytest.raises(grpc.aio.AioRpcError):
        await call(channel, "Refuse")

    def read() -> str:
        with urllib.request.urlopen(f"http://{mesh.metrics_address}/metrics") as answer:
            return answer.read().decode()

    text = await asyncio.to_thread(read)
    assert 'edgemesh_rpcs_total{code="OK",method="Execute"} 1.0' in text
    assert 'edgemesh_rpcs_total{code="INVALID_ARGUMENT",method="Refuse"} 1.0' in text
    assert "edgemesh_rpcs_in_flight 0.0" in text


async def test_a_taken_port_is_named(mesh: MeshServer) -> None:
    port = int(mesh.address.rpartition(":")[2])
    with pytest.raises(PortTaken, match=f"service: cannot bind 127.0.0.1:{port}"):
        await MeshServer(ServiceSettings(port=port)).start()
    metrics_port = int(mesh.metrics_address.rpartition(":")[2])
    with pytest.raises(PortTaken, match=f"{metrics_port} \\(metrics\\)"):
        await MeshServer(ServiceSettings(metrics_port=metrics_port)).start()

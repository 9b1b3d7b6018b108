"""Regions of shared memory through a real front: registered, used in place, refused, and gone."""

from __future__ import annotations

import asyncio
import contextlib
import mmap
import os
import secrets
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any

import grpc
import pytest
from conftest import Start
from edgemesh.compute.v1 import compute_pb2, shared_memory_pb2, shared_memory_pb2_grpc, tensor_pb2
from edgemesh.executor.v1 import executor_pb2_grpc
from google.rpc import error_details_pb2, status_pb2

from mesh_service import translate

SIZE = 1 << 20
PLACE = tensor_pb2.SharedMemory


class Memory:
    """POSIX shared memory of this test."""

    def __init__(self, size: int = SIZE) -> None:
        self.name = f"edgemesh-test-{os.getpid()}-{secrets.token_hex(4)}"
        self.path = Path("/dev/shm") / self.name
        self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.truncate(self.fd, size)
        self.bytes = mmap.mmap(self.fd, size)

    def request(self, **fields: Any) -> shared_memory_pb2.RegisterSharedMemoryRequest:
        given = {"name": self.name, "shm_name": self.name, "size": SIZE, "owner_pid": os.getpid()}
        return shared_memory_pb2.RegisterSharedMemoryRequest(**{**given, **fields})

    def close(self) -> None:
        self.bytes.close()
        os.close(self.fd)
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()


class Stubs:
    """What is called."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.memory: Any = shared_memory_pb2_grpc.SharedMemoryServiceStub(channel)
        self.executor: Any = executor_pb2_grpc.ExecutorServiceStub(channel)

    async def names(self, **given: Any) -> list[str]:
        answer = await self.memory.SharedMemoryStatus(
            shared_memory_pb2.SharedMemoryStatusRequest(), **given
        )
        return [region.name for region in answer.regions]


@pytest.fixture
def memory() -> Iterator[Memory]:
    made = Memory()
    yield made
    made.close()


@pytest.fixture
async def stubs(channel: grpc.aio.Channel) -> AsyncIterator[Stubs]:
    stubs = Stubs(channel)
    yield stubs
    await stubs.memory.UnregisterSharedMemory(shared_memory_pb2.UnregisterSharedMemoryRequest())


def echo(region: str, offset: int, size: int, to: PLACE | None = None) -> Any:
    request = compute_pb2.ComputeRequest(algorithm="sample.echo")
    x = request.inputs["x"]
    x.dtype = tensor_pb2.DATA_TYPE_UINT8
    x.shape.append(size)
    x.shared_memory.CopyFrom(PLACE(region=region, offset=offset, size=size))
    if to is not None:
        request.outputs_to["x"].CopyFrom(to)
    return request


async def refused(call: Any) -> tuple[str, dict[str, str]]:
    """Reason, and field → expected, of a call that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    bad = error_details_pb2.BadRequest()
    for key, value in failed.value.trailing_metadata() or ():
        if key == translate.DETAILS_KEY:
            assert isinstance(value, bytes)
            for detail in status_pb2.Status.FromString(value).details:
                detail.Unpack(bad)
    return translate.reason_of(failed.value), {v.field: v.description for v in bad.field_violations}


async def test_in_and_out_in_place(stubs: Stubs, memory: Memory) -> None:
    told = (await stubs.memory.RegisterSharedMemory(memory.request())).region
    assert (told.name, told.size, told.owner_pid) == (memory.name, SIZE, os.getpid())
    assert told.in_place
    data = os.urandom(300_000)
    memory.bytes[16 : 16 + len(data)] = data
    answer = await stubs.executor.Execute(echo(memory.name, 16, len(data)))
    assert answer.outputs["x"].data == data
    to = PLACE(region=memory.name, offset=512 * 1024, size=400_000)
    answer = await stubs.executor.Execute(echo(memory.name, 16, len(data), to))
    assert answer.outcome == compute_pb2.OUTCOME_OK
    out = answer.outputs["x"]
    assert out.shared_memory == PLACE(region=memory.name, offset=512 * 1024, size=len(data))
    assert list(out.shape) == [len(data)]
    assert memory.bytes[to.offset : to.offset + len(data)] == data
    assert not memory.bytes[to.offset + len(data)]


async def test_a_region_within_memory_that_is_already_unlinked(
    stubs: Stubs, memory: Memory
) -> None:
    await stubs.memory.RegisterSharedMemory(memory.request(offset=4096, size=8192))
    memory.path.unlink()
    memory.bytes[4096 + 32 : 4096 + 35] = b"abc"
    answer = await stubs.executor.Execute(echo(memory.name, 32, 3))
    assert answer.outputs["x"].data == b"abc"
    _, fields = await refused(stubs.executor.Execute(echo(memory.name, 8192 - 16, 17)))
    assert fields == {"inputs.x.shared_memory.size": "within the region, which has 8192 bytes"}


async def test_python_calls_it_by_the_name_of_its_own_shared_memory(stubs: Stubs) -> None:
    block = shared_memory.SharedMemory(create=True, size=4096)
    try:
        assert block.buf is not None
        block.buf[:3] = b"abc"
        await stubs.memory.RegisterSharedMemory(
            shared_memory_pb2.RegisterSharedMemoryRequest(
                name="block", shm_name=f"/{block.name}", size=4096, owner_pid=os.getpid()
            )
        )
        answer = await stubs.executor.Execute(echo("block", 0, 3))
        assert answer.outputs["x"].data == b"abc"
    finally:
        block.close()
        block.unlink()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a/b"}, "name"),
        ({"shm_name": "no-such-thing"}, "shm_name"),
        ({"shm_name": "../etc/passwd"}, "shm_name"),
        ({"shm_name": ".."}, "shm_name"),
        ({"shm_name": ""}, "shm_name"),
        ({"path": "here"}, "path"),
        ({"offset": 8}, "offset"),
        ({"offset": 4096}, "size"),
        ({"size": 0}, "size"),
        ({"size": SIZE + 1}, "size"),
        ({"size": 1 << 63, "offset": 1 << 63}, "size"),
        ({"owner_pid": 0}, "owner_pid"),
        ({"owner_pid": 4_000_000}, "owner_pid"),
        ({"owner_pid": 1 << 31}, "owner_pid"),
        ({"executor": "another"}, "executor"),
    ],
)
async def test_what_cannot_be_a_region(
    stubs: Stubs, memory: Memory, fields: dict[str, Any], field: str
) -> None:
    request = memory.request(**fields)
    reason, found = await refused(stubs.memory.RegisterSharedMemory(request))
    assert (reason, list(found)) == ("INVALID_REQUEST", [field])
    assert await stubs.names() == []


async def test_no_link_and_nothing_but_a_file(stubs: Stubs, memory: Memory) -> None:
    link, pipe = Path(f"{memory.path}-link"), Path(f"{memory.path}-pipe")
    link.symlink_to(memory.path)
    os.mkfifo(pipe)
    try:
        for path in (link, pipe):
            request = memory.request(shm_name=path.name)
            _, found = await refused(stubs.memory.RegisterSharedMemory(request))
            assert found == {"shm_name": "a regular file: no link, folder, device or pipe"}
    finally:
        link.unlink()
        pipe.unlink()


@pytest.mark.parametrize(
    ("place", "field"),
    [
        (PLACE(region="nowhere", size=8), "region"),
        (PLACE(size=8), "region"),
        (PLACE(region="MINE", offset=8, size=8), "offset"),
        (PLACE(region="MINE", offset=SIZE, size=8), "size"),
        (PLACE(region="MINE", offset=16, size=SIZE), "size"),
        (PLACE(region="MINE", offset=(1 << 64) - 16, size=32), "size"),
        (PLACE(region="MINE", offset=1 << 63, size=1 << 63), "size"),
    ],
)
async def test_places_that_are_none(stubs: Stubs, memory: Memory, place: PLACE, field: str) -> None:
    await stubs.memory.RegisterSharedMemory(memory.request(name="MINE"))
    request = echo("MINE", 0, 8, place)
    reason, found = await refused(stubs.executor.Execute(request))
    assert reason == "INVALID_TENSOR"
    assert list(found) == [f"outputs_to.x.{field}"]
    request = echo("MINE", 0, 8)
    request.inputs["x"].shared_memory.CopyFrom(place)
    request.inputs["x"].shape[0] = min(place.size, 1 << 60)
    _, found = await refused(stubs.executor.Execute(request))
    assert f"inputs.x.shared_memory.{field}" in found


async def test_what_else_is_refused_of_places(stubs: Stubs, memory: Memory) -> None:
    await stubs.memory.RegisterSharedMemory(memory.request())
    place = PLACE(region=memory.name, offset=16, size=32)
    _, found = await refused(stubs.executor.Execute(echo(memory.name, 0, 17, place)))
    assert found == {"outputs_to.x": "apart from inputs.x.shared_memory"}
    place.offset = 32
    _, found = await refused(stubs.executor.Execute(echo(memory.name, 256, 33, place)))
    assert found == {"outputs_to.x.size": "33 or more, not 32"}
    request = echo(memory.name, 0, 4)
    request.inputs["x"].shape[0] = 5
    _, found = await refused(stubs.executor.Execute(request))
    assert found == {"inputs.x.shared_memory.size": "5 bytes, as uint8[5] needs, not 4"}
    request = echo(memory.name, 0, 4)
    request.outputs_to["z"].CopyFrom(place)
    _, found = await refused(stubs.executor.Execute(request))
    assert found == {"outputs_to.z": "no such output; outputs: x"}
    request = echo(memory.name, 0, 4)
    request.algorithm, request.parameters = "sample.many", '{"do": ["size"]}'
    _, found = await refused(stubs.executor.Execute(request))
    assert found == {"inputs.x.shared_memory": "not for this algorithm; send `data`"}


async def test_a_region_is_its_tenants_alone(stubs: Stubs, memory: Memory) -> None:
    mine, other = (("edgemesh-tenant", "mine"),), (("edgemesh-tenant", "other"),)
    await stubs.memory.RegisterSharedMemory(memory.request(), metadata=mine)
    assert await stubs.names(metadata=mine) == [memory.name]
    assert await stubs.names(metadata=other) == []
    gone = shared_memory_pb2.UnregisterSharedMemoryRequest(name=memory.name)
    reason, _ = await refused(stubs.memory.UnregisterSharedMemory(gone, metadata=other))
    assert reason == "UNKNOWN_REGION"
    call = echo(memory.name, 0, 4)
    _, found = await refused(stubs.executor.Execute(call, metadata=other))
    assert found == {"inputs.x.shared_memory.region": "a registered region of the caller"}
    # Whoever may say for whom it asks, may say for which user.
    as_another = (*mine, ("edgemesh-uid", str(os.geteuid() + 1)))
    _, found = await refused(stubs.executor.Execute(call, metadata=as_another))
    assert found == {"inputs.x.shared_memory.region": "a registered region of the caller"}
    request = memory.request(name="theirs")
    _, found = await refused(stubs.memory.RegisterSharedMemory(request, metadata=as_another))
    assert found == {"shm_name": "memory of the caller's own user"}
    await stubs.memory.UnregisterSharedMemory(gone, metadata=mine)


def sleeping_process(**options: Any) -> subprocess.Popen[Any]:
    return subprocess.Popen(["/bin/sleep", "600"], **options)


async def test_memory_of_another_user_is_copied_by_the_worker(stubs: Stubs, memory: Memory) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make another user's memory")
    other = 12345
    os.chown(memory.path, other, -1)
    sleeper = sleeping_process(user=other)
    as_other = (("edgemesh-uid", str(other)),)
    try:
        request = memory.request(owner_pid=sleeper.pid)
        told = (await stubs.memory.RegisterSharedMemory(request, metadata=as_other)).region
        assert not told.in_place
        memory.bytes[:3] = b"abc"
        to = PLACE(region=memory.name, offset=64, size=64)
        call = echo(memory.name, 0, 3, to)
        answer = await stubs.executor.Execute(call, metadata=as_other)
        assert answer.outputs["x"].shared_memory.size == 3
        assert memory.bytes[64:68] == b"abc\0"
    finally:
        sleeper.kill()
        sleeper.communicate()


async def test_quotas(start_executor: Start, memory: Memory) -> None:
    address = start_executor(max_regions=2, max_region_bytes=3 * SIZE // 2).serving()["address"]
    async with grpc.aio.insecure_channel(address) as channel:
        stubs = Stubs(channel)
        register = stubs.memory.RegisterSharedMemory
        await register(memory.request(name="a"))
        assert (await refused(register(memory.request(name="b"))))[0] == "QUOTA_EXCEEDED"
        await register(memory.request(name="b", size=4096))
        _, found = await refused(register(memory.request(name="b", size=4096)))
        assert found == {"name": "one that is not registered already"}
        reason, _ = await refused(register(memory.request(name="c", size=4096)))
        assert reason == "QUOTA_EXCEEDED"
        other = (("edgemesh-tenant", "other"),)
        await register(memory.request(name="a"), metadata=other)


async def test_paths_below_a_folder_and_no_others(
    start_executor: Start, memory: Memory, tmp_path: Path
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file").write_bytes(b"abc" + bytes(61))
    (tmp_path / "link").symlink_to(tmp_path / "sub")
    address = start_executor(shared_memory_dir=tmp_path).serving()["address"]
    async with grpc.aio.insecure_channel(address) as channel:
        stubs = Stubs(channel)
        for path in ("link/file", "../etc/passwd", "sub/../sub/file", "/sub//file", "sub", "none"):
            request = memory.request(path=path, size=64)
            _, found = await refused(stubs.memory.RegisterSharedMemory(request))
            assert list(found) == ["path"], path
        await stubs.memory.RegisterSharedMemory(memory.request(path="sub/file", size=64))
        answer = await stubs.executor.Execute(echo(memory.name, 0, 3))
        assert answer.outputs["x"].data == b"abc"


async def test_it_can_be_switched_off(start_executor: Start, memory: Memory) -> None:
    address = start_executor(shared_memory="false").serving()["address"]
    async with grpc.aio.insecure_channel(address) as channel:
        stubs = Stubs(channel)
        _, found = await refused(stubs.memory.RegisterSharedMemory(memory.request()))
        assert found == {"request": "not offered here: this executor takes no shared memory"}
        to = PLACE(region="a", size=8)
        _, found = await refused(stubs.executor.Execute(echo("a", 0, 8, to)))
        assert found == {
            "inputs.x.shared_memory": "not offered here; send `data`",
            "outputs_to.x": "not offered here; leave it out",
        }


async def until_gone(stubs: Stubs) -> None:
    async with asyncio.timeout(20):
        while await stubs.names():
            await asyncio.sleep(0.01)


def sleeping(memory: Memory) -> compute_pb2.ComputeRequest:
    """A call that holds the region until it is cancelled or its time is over."""
    request = echo(memory.name, 0, 64)
    request.algorithm, request.parameters = "sample.hold", ""
    request.limits.run_time_ms = 1500
    request.outputs_to["x"].CopyFrom(PLACE(region=memory.name, offset=4096, size=64))
    return request


async def begun(stubs: Stubs, memory: Memory) -> asyncio.Task[Any]:
    call = asyncio.create_task(_done(stubs.executor.Execute(sleeping(memory))))
    async with asyncio.timeout(20):
        while memory.bytes[4096] != ord("!"):  # its worker has written there
            await asyncio.sleep(0.01)
    return call


async def _done(call: Any) -> Any:
    return await call


async def test_unregistered_in_mid_call(stubs: Stubs, memory: Memory) -> None:
    await stubs.memory.RegisterSharedMemory(memory.request())
    memory.bytes[:3] = b"abc"
    call = await begun(stubs, memory)
    await stubs.memory.UnregisterSharedMemory(
        shared_memory_pb2.UnregisterSharedMemoryRequest(name=memory.name)
    )
    _, found = await refused(stubs.executor.Execute(echo(memory.name, 0, 3)))
    assert found == {"inputs.x.shared_memory.region": "a registered region of the caller"}
    memory.bytes[4097] = 1  # go on
    answer = await call
    assert answer.outcome == compute_pb2.OUTCOME_OK
    assert memory.bytes[4096:4100] == b"abc\0"


async def test_its_owner_is_killed_in_mid_call(stubs: Stubs, memory: Memory) -> None:
    owner = sleeping_process()
    await stubs.memory.RegisterSharedMemory(memory.request(owner_pid=owner.pid))
    call = await begun(stubs, memory)
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    await until_gone(stubs)
    memory.bytes[4097] = 1
    assert (await call).outcome == compute_pb2.OUTCOME_OK


async def test_shrunk_before_a_call_and_in_it(stubs: Stubs, memory: Memory) -> None:
    await stubs.memory.RegisterSharedMemory(memory.request())
    call = await begun(stubs, memory)
    os.truncate(memory.path, 4096)
    answer = await call
    assert answer.outcome == compute_pb2.OUTCOME_CRASH
    assert answer.failure.signal == signal.SIGBUS
    _, found = await refused(stubs.executor.Execute(echo(memory.name, 0, 64)))
    assert found == {"inputs.x.shared_memory.region": "one that has not been made smaller"}
    assert await stubs.names() == [memory.name]

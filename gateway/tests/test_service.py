"""The gateway as a process: how it starts, what it refuses to start with, how it stops."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import compute_pb2, compute_pb2_grpc
from fake_executor import FakeExecutor
from grpc_health.v1 import health_pb2, health_pb2_grpc
from house import DATAPATH, eventually, request

PREFIX = "EDGEMESH_GATEWAY_"
START_S = 60
"""For a process to start, or to say why it does not, on a busy machine."""


async def start(**settings: str) -> asyncio.subprocess.Process:
    environment = {
        k: v for k, v in os.environ.items() if k == DATAPATH or not k.startswith("EDGEMESH_")
    }
    given = {"PORT": "0", "METRICS_PORT": "0", **settings}
    environment |= {PREFIX + name: value for name, value in given.items()}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "edgemesh_gateway",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def refusal(**settings: str) -> str:
    process = await start(**settings)
    out, err = await asyncio.wait_for(process.communicate(), START_S)
    assert process.returncode == 2, err.decode()
    assert out == b""
    # A line of its own among those of the log.
    (line,) = [one for one in err.decode().splitlines() if one.startswith("gateway: ")]
    return line


async def announced(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    return dict(json.loads(await asyncio.wait_for(process.stdout.readline(), START_S)))


@pytest.fixture
async def taken() -> AsyncIterator[int]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        yield held.getsockname()[1]


async def test_serves_though_no_executor_is_there_and_stops_when_told(unused_tcp_port: int) -> None:
    process = await start(EXECUTORS=json.dumps({"cpp": f"127.0.0.1:{unused_tcp_port}"}))
    line = await announced(process)
    assert (line["event"], line["service"], line["pid"]) == ("serving", "gateway", process.pid)
    async with grpc.aio.insecure_channel(line["address"]) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        for service in ("", "edgemesh.compute.v1.ComputeService"):
            check = await health.Check(health_pb2.HealthCheckRequest(service=service), timeout=20)
            assert check.status == health_pb2.HealthCheckResponse.SERVING
    process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0


async def test_what_runs_is_finished_and_nothing_new_is_taken() -> None:
    executor = await FakeExecutor(slots=3).start()
    process = await start(EXECUTORS=json.dumps({"fake": f"127.0.0.1:{executor.port}"}))
    address = (await announced(process))["address"]
    async with grpc.aio.insecure_channel(address) as channel:
        compute: Any = compute_pb2_grpc.ComputeServiceStub(channel)
        health: Any = health_pb2_grpc.HealthStub(channel)
        watch = health.Watch(health_pb2.HealthCheckRequest(), timeout=20)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        running = asyncio.ensure_future(compute.Compute(request(do="hold"), timeout=20))
        await eventually(lambda: executor.running == 1)
        process.send_signal(signal.SIGTERM)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.aio.AioRpcError) as late:
            await compute.Compute(request(), timeout=20)
        assert late.value.code() is grpc.StatusCode.UNAVAILABLE
        executor.release.set()
        assert (await running).outcome == compute_pb2.OUTCOME_OK
    await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0
    await executor.stop()


async def test_killing_the_gateway_stops_the_work() -> None:
    executor = await FakeExecutor().start()
    process = await start(EXECUTORS=json.dumps({"fake": f"127.0.0.1:{executor.port}"}))
    address = (await announced(process))["address"]
    async with grpc.aio.insecure_channel(address) as channel:
        compute: Any = compute_pb2_grpc.ComputeServiceStub(channel)
        running = asyncio.ensure_future(compute.Compute(request(do="hold"), timeout=20))
        await eventually(lambda: executor.running == 1)
        process.kill()
        loop = asyncio.get_running_loop()
        killed = loop.time()
        await eventually(lambda: executor.cancelled == 1)
        assert loop.time() - killed < 1
        with pytest.raises(grpc.aio.AioRpcError) as lost:
            await running
        assert lost.value.code() is grpc.StatusCode.UNAVAILABLE
    await process.communicate()
    await executor.stop()


REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "public without keys": ({"HOST": "0.0.0.0"}, "API_KEYS: required, since 0.0.0.0"),
    "public by IPv6": ({"HOST": "::"}, "API_KEYS: required"),
    "public by name": ({"HOST": "gateway.example"}, "API_KEYS: required"),
    "no file of keys": ({"API_KEYS": "/nowhere/keys.toml"}, "API_KEYS: /nowhere/keys.toml: No"),
    "executor beyond this machine": (
        {"EXECUTORS": '{"cpp": "10.0.0.7:50061"}'},
        "SECRET: required, since executor cpp is not on loopback",
    ),
    "executor without a port": ({"EXECUTORS": '{"cpp": "127.0.0.1"}'}, "EXECUTORS (cpp): <host>"),
    "executor without replicas": ({"EXECUTORS": '{"cpp": []}'}, "EXECUTORS (cpp): one address"),
    "a replica twice": (
        {"EXECUTORS": '{"cpp": ["127.0.0.1:1", "127.0.0.1:1"]}'},
        "EXECUTORS (cpp): one address, or several that differ",
    ),
    "a replica without a port": (
        {"EXECUTORS": '{"cpp": ["127.0.0.1:1", "127.0.0.1"]}'},
        "EXECUTORS (cpp): <host>",
    ),
    "executor on no port": ({"EXECUTORS": '{"cpp": "127.0.0.1:0"}'}, "EXECUTORS (cpp): <host>"),
    "executors that are no table": ({"EXECUTORS": "cpp"}, "EXECUTORS"),
    "no executor": ({"EXECUTORS": "{}"}, "EXECUTORS"),
    "short secret": ({"SECRET": "short"}, "SECRET: at least 32"),
    "no number": ({"QUEUE": "many"}, "QUEUE"),
    "negative": ({"QUEUE": "-1"}, "QUEUE"),
    "holds less than one request": ({"MAX_HELD_BYTES": "2048"}, "MAX_HELD_BYTES: at least"),
    "unknown": ({"QEUE": "1"}, "QEUE: no such setting; did you mean EDGEMESH_GATEWAY_QUEUE?"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_bad_settings_do_not_start_and_are_named(what: str) -> None:
    settings, expected = REFUSED[what]
    assert PREFIX + expected in await refusal(**settings)


async def test_a_taken_port_is_named(
    taken: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert f"127.0.0.1:{taken}" in await refusal(PORT=str(taken))
    assert not list(tmp_path.iterdir())
    assert f"127.0.0.1:{taken} (metrics)" in await refusal(METRICS_PORT=str(taken))


async def test_settings_come_from_a_file_too(tmp_path: Path) -> None:
    executor = await FakeExecutor("other", algorithms=("other.echo",)).start()
    config = tmp_path / "gateway.toml"
    config.write_text(f'[executors]\nother = "127.0.0.1:{executor.port}"\n')
    process = await start(CONFIG=str(config))
    async with grpc.aio.insecure_channel((await announced(process))["address"]) as channel:
        compute: Any = compute_pb2_grpc.ComputeServiceStub(channel)
        answer = await compute.Compute(request(algorithm="other.echo"), timeout=20)
        assert answer.usage.executor == "other"
    process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(process.communicate(), 20)
    await executor.stop()

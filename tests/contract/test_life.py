"""Start and stop: health over both, what runs is finished, and what may not start does not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket

import grpc
import pytest
from edgemesh.compute.v1 import compute_pb2
from edgemesh.executor.v1 import executor_pb2
from grpc_health.v1 import health_pb2
from support import metrics, processes
from support.launch import launched, outcome_of, spawn
from support.ports import free_port
from support.rpc import Peer, connect, outcome, refused
from support.subject import Subject
from support.wait import BOUND_S, until

from edgemesh_local import service as services
from edgemesh_local.layout import Layout
from edgemesh_local.mesh import Mesh

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE = "edgemesh.executor.v1.ExecutorService"
SECRET = "a secret of thirty-two characters or more"


@pytest.mark.parametrize("name", ["", SERVICE])
async def test_health_says_serving(direct: Peer, name: str) -> None:
    request = health_pb2.HealthCheckRequest(service=name)
    assert (await direct.health.Check(request, timeout=10)).status == SERVING


async def test_health_knows_no_other_service(direct: Peer) -> None:
    request = health_pb2.HealthCheckRequest(service="no.such.Service")
    found = await refused(direct.health.Check(request, timeout=10))
    assert found.code == grpc.StatusCode.NOT_FOUND


async def test_watch_shows_the_start_and_the_stop(subject: Subject) -> None:
    port = free_port()
    service = await spawn(subject.name, {"PORT": str(port), "WORKERS": "1", "SPARES": "0"})
    seen: list[int] = []
    try:
        async with connect(f"127.0.0.1:{port}") as peer:
            watch = peer.health.Watch(
                health_pb2.HealthCheckRequest(service=SERVICE), wait_for_ready=True, timeout=BOUND_S
            )
            with contextlib.suppress(grpc.aio.AioRpcError):  # the server has gone
                async for response in watch:
                    seen.append(response.status)
                    if response.status == SERVING:
                        service.process.send_signal(signal.SIGTERM)
        assert seen == [NOT_SERVING, SERVING, NOT_SERVING]
        assert await service.ended() == 0
    finally:
        if service.process.returncode is None:
            service.process.kill()


async def test_a_stopping_executor_finishes_what_runs_and_takes_nothing_new(
    subject: Subject,
) -> None:
    async with (
        launched(subject.name, WORKERS="1", SPARES="0") as service,
        connect(service.address) as peer,
    ):
        request = compute_pb2.ComputeRequest()
        request.CopyFrom(subject.endless)
        request.limits.run_time_ms = 3000
        running = peer.executor.Execute(request)
        await until(lambda: metrics.busy(service.metrics), "the call runs")
        children = processes.children(service.process.pid)
        service.process.send_signal(signal.SIGTERM)

        async def stopping() -> bool:
            request = health_pb2.HealthCheckRequest()
            return (await peer.health.Check(request, timeout=5)).status == NOT_SERVING

        await until(stopping, "NOT_SERVING")
        found = await refused(peer.executor.Execute(subject.quick(1), timeout=5))
        assert (found.code, found.reason) == (grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
        assert found.retry_after_s is not None
        assert outcome(await running) == "TIMEOUT"  # its own run time ended, nothing else
        assert await service.ended() == 0
        await until(lambda: not any(map(processes.alive, children)), "no worker is left")


async def test_its_workers_end_with_a_killed_executor(subject: Subject) -> None:
    async with launched(subject.name) as service:
        children = processes.children(service.process.pid)
        assert len(children) >= 2
        service.process.kill()
        await service.ended()
        await until(lambda: not any(map(processes.alive, children)), "no worker is left")


async def test_serving_is_announced_in_one_line_of_json(mesh: Mesh, subject: Subject) -> None:
    async with launched(subject.name, WORKERS="1", SPARES="0") as service:
        assert service.serving is not None
        assert service.serving["event"] == "serving"
        assert service.serving["service"] == subject.name
        assert service.serving["pid"] == service.process.pid
        figures = await metrics.figures(service.metrics)
        workers = [n for (name, _), n in figures.samples.items() if name == "edgemesh_workers"]
        assert set(workers) == {0, 1}  # of each crew one, in one state
        assert figures("edgemesh_workers", state="idle") == figures("edgemesh_workers")


async def test_a_public_address_demands_the_meshs_secret(subject: Subject) -> None:
    prefix = services.all_services(Layout.here().root)[subject.name].env_prefix
    code, said = await outcome_of(subject.name, {"HOST": "0.0.0.0"})
    assert code != 0
    assert f"{prefix}SECRET" in said
    code, said = await outcome_of(subject.name, {"HOST": "0.0.0.0", "SECRET": "short"})
    assert code != 0
    assert f"{prefix}SECRET" in said
    assert "short" not in said.replace(f"{prefix}SECRET", "")


async def test_the_secret_is_demanded_of_every_caller(subject: Subject) -> None:
    settings = {"HOST": "0.0.0.0", "SECRET": SECRET, "WORKERS": "1", "SPARES": "0"}
    async with (
        launched(subject.name, **settings) as service,
        connect(service.address.replace("0.0.0.0", "127.0.0.1")) as peer,
    ):
        describe = executor_pb2.DescribeRequest()
        for metadata in ((), (("edgemesh-secret", SECRET + "x"),)):
            for call in (
                peer.executor.Describe(describe, metadata=metadata, timeout=10),
                peer.executor.Execute(subject.quick(1), metadata=metadata, timeout=10),
                peer.executor.ExecuteStream(subject.quick(1), metadata=metadata).read(),
                peer.executor.WatchDescribe(
                    executor_pb2.WatchDescribeRequest(), metadata=metadata
                ).read(),
            ):
                found = await refused(call)
                assert found.code == grpc.StatusCode.UNAUTHENTICATED
                assert found.reason == "UNAUTHENTICATED"
        known = (("edgemesh-secret", SECRET),)
        assert (await peer.executor.Describe(describe, metadata=known)).name == subject.name
        subject.check(1, await peer.executor.Execute(subject.quick(1), metadata=known))


@pytest.mark.parametrize(
    ("setting", "value"),
    [("WORKERS", "many"), ("WORKERS", "0"), ("PORT", "70000"), ("WORKRES", "2")],
)
async def test_bad_settings_stop_the_start_and_are_named(
    subject: Subject, setting: str, value: str
) -> None:
    prefix = services.all_services(Layout.here().root)[subject.name].env_prefix
    code, said = await outcome_of(subject.name, {setting: value})
    assert code != 0
    assert prefix + setting in said
    assert "Traceback" not in said
    if setting == "WORKRES":
        assert f"{prefix}WORKERS" in said


@pytest.mark.parametrize("setting", ["PORT", "METRICS_PORT"])
async def test_a_port_in_use_is_said_in_one_line(subject: Subject, setting: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, said = await outcome_of(subject.name, {setting: port, "LOG_LEVEL": "ERROR"})
    assert code != 0
    (line,) = said.splitlines()
    assert f"127.0.0.1:{port}" in line
    assert subject.name in line


async def test_logs_are_json_where_there_is_no_terminal(subject: Subject) -> None:
    service = await spawn(
        subject.name,
        {"WORKERS": "1", "SPARES": "0"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert service.process.stdout is not None
    assert service.process.stderr is not None
    await asyncio.wait_for(service.process.stdout.readline(), BOUND_S)
    service.process.send_signal(signal.SIGTERM)
    log = (await service.process.stderr.read()).decode().splitlines()
    assert await service.ended() == 0
    events = [json.loads(line)["event"] for line in log]
    assert {"starting", "listening", "worker ready", "draining", "stopped"} <= set(events)

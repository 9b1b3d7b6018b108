"""The gateway's own start and stop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket

import grpc
from grpc_health.v1 import health_pb2
from support import metrics
from support.launch import launched, outcome_of, spawn
from support.ports import free_port
from support.rpc import Peer, connect, outcome, refused
from support.subject import SUBJECTS
from support.wait import BOUND_S, until

from edgemesh_local.mesh import Mesh

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICES = ("", "edgemesh.compute.v1.ComputeService", "edgemesh.compute.v1.AlgorithmService")


async def test_health_says_serving(gateway: Peer) -> None:
    for name in SERVICES:
        request = health_pb2.HealthCheckRequest(service=name)
        assert (await gateway.health.Check(request, timeout=10)).status == SERVING


async def test_watch_shows_the_start_and_the_stop(mesh: Mesh) -> None:
    port = free_port()
    # One that takes connections and says nothing, so that the start lasts long enough to be seen.
    silent = socket.create_server(("127.0.0.1", 0))
    addresses = {name: mesh.address(name) for name in mesh.executors}
    addresses["silent"] = f"127.0.0.1:{silent.getsockname()[1]}"
    executors = json.dumps(addresses)
    service = await spawn("gateway", {"PORT": str(port), "EXECUTORS": executors})
    seen: list[int] = []
    try:
        async with connect(f"127.0.0.1:{port}") as peer:
            watch = peer.health.Watch(
                health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=BOUND_S
            )
            with contextlib.suppress(grpc.aio.AioRpcError):  # the server has gone
                async for response in watch:
                    seen.append(response.status)
                    if response.status == SERVING:
                        service.process.send_signal(signal.SIGTERM)
        assert seen == [NOT_SERVING, SERVING, NOT_SERVING]
        assert await service.ended() == 0
    finally:
        silent.close()
        if service.process.returncode is None:
            service.process.kill()


async def test_a_stopping_gateway_finishes_what_runs(mesh: Mesh) -> None:
    subject = SUBJECTS[mesh.executors[0]]
    executors = json.dumps({subject.name: mesh.address(subject.name)})
    async with (
        launched("gateway", EXECUTORS=executors) as service,
        connect(service.address) as peer,
    ):

        async def shows(**wanted: int) -> bool:
            figures = await metrics.figures(service.metrics)
            return all(
                figures(f"edgemesh_{name}", executor=subject.name) == value
                for name, value in wanted.items()
            )

        # A busy machine may serve before it has heard of an executor that is there.
        await until(lambda: shows(executor_up=1, slots=2), "the executor is up")
        request = type(subject.endless)()
        request.CopyFrom(subject.endless)
        request.limits.run_time_ms = 2000
        running = [asyncio.ensure_future(peer.compute.Compute(request)) for _ in range(3)]
        await until(lambda: shows(running=2, waiting=1), "two run, one waits")
        service.process.send_signal(signal.SIGTERM)
        for call in running:  # the one that waited for its turn, too
            assert outcome(await call) == "TIMEOUT"
        assert await service.ended() == 0


async def test_a_public_address_demands_keys() -> None:
    code, said = await outcome_of("gateway", {"HOST": "0.0.0.0"})
    assert code != 0
    assert "EDGEMESH_GATEWAY_API_KEYS" in said


async def test_a_gateway_without_executors_serves_and_says_so() -> None:
    executors = json.dumps({"cpp": f"127.0.0.1:{free_port()}"})
    async with (
        launched("gateway", EXECUTORS=executors) as service,
        connect(service.address) as peer,
    ):
        found = await refused(peer.compute.Compute(SUBJECTS["cpp"].quick(1), timeout=5))
        assert found.reason in ("UNKNOWN_ALGORITHM", "NOT_STARTED")

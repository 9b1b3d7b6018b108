"""Time: how long work may run, and how long a caller waits."""

from __future__ import annotations

import grpc
from edgemesh.compute.v1 import compute_pb2
from edgemesh.executor.v1 import executor_pb2
from support import metrics
from support.launch import launched
from support.rpc import Peer, connect, outcome, refused
from support.subject import Subject
from support.wait import until
from support.work import timed_out

from edgemesh_local.mesh import Mesh


async def test_a_deadline_brings_a_timeout_before_it_passes(direct: Peer, subject: Subject) -> None:
    response = await timed_out(direct.executor.Execute, subject.endless)
    assert response.failure.type == "TimeLimit"
    assert response.failure.limit.name == "run_time_ms"
    # Less than the deadline by what the answer needs.
    assert 0 < response.failure.limit.value < 1500
    subject.check(2, await direct.executor.Execute(subject.quick(2), timeout=30))


async def test_run_time_is_a_clock_of_its_own(direct: Peer, subject: Subject) -> None:
    request = compute_pb2.ComputeRequest()
    request.CopyFrom(subject.endless)
    request.limits.run_time_ms = 300
    response = await direct.executor.Execute(request, timeout=60)
    assert outcome(response) == "TIMEOUT"
    assert response.failure.limit == compute_pb2.Limit(name="run_time_ms", value=300)
    assert response.usage.run_us >= 250_000
    events = [event async for event in direct.executor.ExecuteStream(request, timeout=60)]
    assert outcome(events[-1].response) == "TIMEOUT"


async def test_a_deadline_that_has_passed_reaches_no_worker(
    mesh: Mesh, direct: Peer, subject: Subject
) -> None:
    found = await refused(direct.executor.Execute(subject.quick(1), timeout=0.000_001))
    assert found.code == grpc.StatusCode.DEADLINE_EXCEEDED


async def test_without_a_deadline_the_stated_default_holds(subject: Subject) -> None:
    settings = {"WORKERS": "1", "SPARES": "0", "DEFAULT_RUN_TIME_MS": "500"}
    async with launched(subject.name, **settings) as service, connect(service.address) as peer:
        said = await peer.executor.Describe(executor_pb2.DescribeRequest(), timeout=10)
        assert said.default_run_time_ms == 500
        request = compute_pb2.ComputeRequest()
        request.CopyFrom(subject.endless)
        request.ClearField("limits")
        own = {a.name: a.default_run_time_ms for a in said.algorithms}[request.algorithm]
        call = peer.executor.Execute(request)
        if own > 10_000:  # longer than a test should wait: only that it outlives the default
            await until(lambda: metrics.busy(service.metrics), "the call runs")
            call.cancel()
            return
        response = await call
        assert outcome(response) == "TIMEOUT"
        assert response.failure.limit.value == (own or 500)

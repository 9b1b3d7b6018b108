"""Containers die under load: callers get typed answers, and the engine has it healthy again, in 4
to 8 s where the machine is quiet (10 is the goal)."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import compute_pb2, job_pb2, job_pb2_grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from mesh import EXECUTORS, Mesh, wait_for

HEALTHY_AGAIN_S = 120.0
JOBS = 60
TYPED = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED}


def some_work() -> compute_pb2.ComputeRequest:
    """A small call of an executor that is up."""
    if "pywasm" in EXECUTORS:
        code = json.dumps({"code": "print(sum(range(1000)))"})
        return compute_pb2.ComputeRequest(algorithm="python.run", parameters=code)
    if "cpp" in EXECUTORS:
        return compute_pb2.ComputeRequest(
            algorithm="cpp.random", parameters='{"shape": [9], "seed": 1}'
        )
    texts = json.dumps({"texts": ["a lighthouse"]})
    return compute_pb2.ComputeRequest(algorithm="ml.embed", parameters=texts)


class Load:
    """Callers that go on calling; what became of each call."""

    def __init__(self, mesh: Mesh, callers: int = 4) -> None:
        self.outcomes: list[int] = []
        self.refusals: list[grpc.RpcError] = []
        self._mesh, self._stop = mesh, threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(callers)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        try:
            wait_for(lambda: len(self.outcomes) > 20, 30, "calls are answered")
        except AssertionError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        request = some_work()
        with self._mesh.channel() as channel:
            while not self._stop.is_set():
                try:
                    self.outcomes.append(self._mesh.call(channel, request).outcome)
                except grpc.RpcError as error:
                    self.refusals.append(error)
                    self._stop.wait(0.05)


def kill(mesh: Mesh, service: str) -> float:
    """End a container by its first process; when. An engine restarts what it did not end."""
    os.kill(mesh.container(service).attrs["State"]["Pid"], signal.SIGKILL)
    return time.monotonic()


def wait_again(mesh: Mesh, service: str, started: str) -> None:
    """Until it is healthy in another life than the one that began then."""
    wait_for(
        lambda: (
            mesh.container(service).attrs["State"]["StartedAt"] != started
            and mesh.health(service) == "healthy"
        ),
        HEALTHY_AGAIN_S,
        f"{service} is healthy again",
    )


@pytest.mark.parametrize("service", ["gateway", *EXECUTORS])
def test_killed_container_is_healthy_again(mesh: Mesh, service: str) -> None:
    with Load(mesh) as load:
        before = mesh.container(service)
        started = before.attrs["State"]["StartedAt"]
        killed = kill(mesh, service)
        wait_again(mesh, service, started)
        took = time.monotonic() - killed
        answered = len(load.outcomes)
        wait_for(lambda: len(load.outcomes) > answered + 20, 30, "calls are answered again")
    print(
        f"{service}: healthy again after {took:.1f} s; "
        f"{len(load.outcomes)} answers, {len(load.refusals)} refusals"
    )
    assert set(load.outcomes) <= {compute_pb2.OUTCOME_OK, compute_pb2.OUTCOME_CRASH}
    assert {error.code() for error in load.refusals} <= TYPED
    if service in ("cpp", "ml"):
        assert not load.refusals, "another executor's end is nobody else's business"
    if service == "pywasm":
        for error in load.refusals:
            status = rpc_status.from_call(error)
            assert status is not None, error
            assert any(each.Is(error_details_pb2.ErrorInfo.DESCRIPTOR) for each in status.details)


@pytest.mark.skipif("pywasm" not in EXECUTORS, reason="the jobs are its")
def test_jobs_go_on(mesh: Mesh) -> None:
    """What was acknowledged is done once the gateway and the executor are back, and done right."""
    code = "import time\ntime.sleep(0.05)\noutput = sum(range({n}))"
    with mesh.channel() as channel:
        jobs: Any = job_pb2_grpc.JobServiceStub(channel)
        beside: dict[str, Any] = {"metadata": [("authorization", f"Bearer {mesh.key}")]}
        ids: list[str] = []
        for n in range(JOBS):
            request = compute_pb2.ComputeRequest(
                algorithm="python.run", parameters=json.dumps({"code": code.format(n=n)})
            )
            asked = job_pb2.SubmitJobRequest(request=request, idempotent=True, max_attempts=10)
            ids.append(jobs.SubmitJob(asked, timeout=30, **beside).job.id)
        both = ("pywasm", "gateway")
        started = [mesh.container(each).attrs["State"]["StartedAt"] for each in both]
        for each in both:
            kill(mesh, each)
        for each, before in zip(both, started, strict=True):
            wait_again(mesh, each, before)
        beside["wait_for_ready"] = True
        for n, id in enumerate(ids):
            ended = None
            while ended is None or ended.state in (
                job_pb2.JOB_STATE_QUEUED,
                job_pb2.JOB_STATE_RUNNING,
            ):
                asked_for = job_pb2.WaitJobRequest(id=id, timeout_ms=60_000)
                ended = jobs.WaitJob(asked_for, timeout=120, **beside).job
            assert ended.state == job_pb2.JOB_STATE_SUCCEEDED, ended
            assert json.loads(ended.response.result) == sum(range(n))

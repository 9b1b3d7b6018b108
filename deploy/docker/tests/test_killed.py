"""Containers die under load: callers get typed answers, and the engine has it healthy in 10 s."""

from __future__ import annotations

import json
import os
import signal
import threading
import time

import grpc
import pytest
from edgemesh.compute.v1 import compute_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from mesh import EXECUTORS, Mesh, wait_for

HEALTHY_AGAIN_S = 10.0
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


@pytest.mark.parametrize("service", ["gateway", *EXECUTORS])
def test_killed_container_is_healthy_again(mesh: Mesh, service: str) -> None:
    with Load(mesh) as load:
        before = mesh.container(service)
        # The engine would not restart what was ended through it.
        os.kill(before.attrs["State"]["Pid"], signal.SIGKILL)
        killed = time.monotonic()
        started = before.attrs["State"]["StartedAt"]
        wait_for(
            lambda: (
                mesh.container(service).attrs["State"]["StartedAt"] != started
                and mesh.health(service) == "healthy"
            ),
            HEALTHY_AGAIN_S,
            f"{service} is healthy again",
        )
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

"""The executor as a process over a folder of models, and what it tells of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import compute_pb2
from edgemesh.executor.v1 import executor_pb2, executor_pb2_grpc
from google.rpc import error_details_pb2, status_pb2  # pyright: ignore[reportMissingTypeStubs]

SERVING = executor_pb2.PLUGIN_STATE_SERVING
KEPT = executor_pb2.PLUGIN_STATE_KEPT
REFUSED = executor_pb2.PLUGIN_STATE_REFUSED
Described = executor_pb2.DescribeResponse


class Served:
    """A running executor."""

    def __init__(self, address: str, pid: int) -> None:
        self.pid = pid
        self.channel = grpc.insecure_channel(address)
        self.stub = executor_pb2_grpc.ExecutorServiceStub(self.channel)

    def until(
        self, holds: Callable[[Mapping[str, executor_pb2.Plugin]], bool], seconds: float = 20
    ) -> Mapping[str, executor_pb2.Plugin]:
        """Wait for a description whose models, by their entries' names, are as they should be."""
        watch = self.stub.WatchDescribe(executor_pb2.WatchDescribeRequest(), timeout=seconds)
        models: Mapping[str, executor_pb2.Plugin] = {}
        try:
            for answer in watch:
                models = {plugin.file: plugin for plugin in answer.description.plugins}
                if holds(models):
                    return models
        except grpc.RpcError:
            raise AssertionError(f"not within {seconds} s: {models}") from None
        finally:
            watch.cancel()
        raise AssertionError("the executor has ended")

    def state(self, entry: str, state: int, seconds: float = 20) -> executor_pb2.Plugin:
        """Wait until a model is in a state."""
        return self.until(lambda m: entry in m and m[entry].state == state, seconds)[entry]

    def names(self, algorithm: str = "ml.embed") -> list[str]:
        """The models that an algorithm offers now."""
        described = self.stub.Describe(executor_pb2.DescribeRequest(), timeout=20)
        for each in described.algorithms:
            if each.name == algorithm:
                return json.loads(each.parameters_schema)["properties"]["model"]["enum"]
        return []

    def embed(self, model: str | None = None, text: str = "one") -> tuple[str, bytes]:
        """The version that answers, and its vector."""
        chosen = {} if model is None else {"model": model}
        parameters = json.dumps({"texts": [text], **chosen})
        request = compute_pb2.ComputeRequest(algorithm="ml.embed", parameters=parameters)
        response = self.stub.Execute(request, timeout=60)
        assert response.outcome == compute_pb2.OUTCOME_OK, response
        values = array("f", response.outputs["embeddings"].data)
        assert len(values)
        return json.loads(response.result)["model_version"], values.tobytes()


@contextmanager
def served(models: Path, cache: Path, **settings: object) -> Iterator[Served]:
    """Run an executor over a folder."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("EDGEMESH_")} | {
        "EDGEMESH_CACHE": str(cache),
        "EDGEMESH_ML_MODELS_DIR": str(models),
        "EDGEMESH_ML_SPARES": "0",
        **{f"EDGEMESH_ML_{name.upper()}": str(value) for name, value in settings.items()},
    }
    front = subprocess.Popen(
        [sys.executable, "-m", "edgemesh_executor_ml"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert front.stdout is not None
        executor = Served(json.loads(front.stdout.readline())["address"], front.pid)
        with executor.channel:
            yield executor
        front.send_signal(signal.SIGTERM)
        assert front.wait(20) == 0
    finally:
        front.kill()
        front.wait()


def unusable(executor: Served, model: str) -> tuple[str, str]:
    """Why a call of a model is told that it cannot be used, and what would mend it."""
    with pytest.raises(grpc.RpcError) as caught:
        executor.embed(model)
    error: Any = caught.value
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
    status = status_pb2.Status.FromString(
        dict(error.trailing_metadata())["grpc-status-details-bin"]
    )
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.metadata["model"].partition("@")[0]) == (
        "UNUSABLE_MODEL",
        model.partition("@")[0],
    )
    assert all(info.metadata[part] in status.message for part in ("model", "why", "remedy"))
    return info.metadata["why"], info.metadata["remedy"]


def resident(pid: int) -> int:
    """Bytes of a process's children, its workers."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    page, total = os.sysconf("SC_PAGE_SIZE"), 0
    for child in children:
        try:
            total += int(Path(f"/proc/{child}/statm").read_text().split()[1]) * page
        except FileNotFoundError:
            continue
    return total


def since(began: float) -> float:
    """Seconds since a moment of `time.monotonic()`."""
    return time.monotonic() - began

"""CppRunner: calls of the mesh to calls of plugins, and back."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PLUGINS, TESTING
from edgemesh.compute.v1 import compute_pb2, tensor_pb2

import edgemesh_cpp_host as host
from edgemesh_executor_cpp.runner import CppRunner
from mesh_service.executor import AlgorithmFailure, Call, InvalidInput, TensorView


class Front:
    """The pool's end of a call."""

    def __init__(self, seconds: float = 60.0) -> None:
        self.deadline = time.monotonic() + seconds
        self.cancelled = threading.Event()
        self.events: list[compute_pb2.ComputeEvent] = []

    def emit(self, event: bytes) -> None:
        self.events.append(compute_pb2.ComputeEvent.FromString(event))

    def allocate(self, nbytes: int) -> memoryview:
        return memoryview(bytearray(nbytes))


def call(
    algorithm: str,
    parameters: Mapping[str, Any] | None = None,
    inputs: Mapping[str, np.ndarray[Any, Any]] | None = None,
    *,
    front: Front | None = None,
    output_bytes: int = 1 << 20,
    places: Mapping[str, memoryview] | None = None,
) -> Call:
    views = {
        name: TensorView(host.DTYPES[array.dtype.name], array.shape, memoryview(array.tobytes()))
        for name, array in (inputs or {}).items()
    }
    request = compute_pb2.ComputeRequest(
        algorithm=f"{algorithm}@1",
        limits=compute_pb2.Limits(
            run_time_ms=60_000, memory_bytes=1 << 30, output_bytes=output_bytes
        ),
    )
    front = front or Front()
    return Call(front, request, dict(parameters or {}), views, streaming=True, places=places)


@pytest.fixture(scope="module")
def runner() -> Iterator[CppRunner]:
    runner = CppRunner({"plugin": str(TESTING / "testing.so"), "threads": 1})
    yield runner
    runner.close()


@pytest.fixture(scope="module")
def fft() -> Iterator[CppRunner]:
    runner = CppRunner({"plugin": str(PLUGINS / "fft.so"), "threads": 1})
    yield runner
    runner.close()


def test_element_types_are_the_contracts() -> None:
    contract = {
        name.removeprefix("DATA_TYPE_").lower(): number
        for name, number in tensor_pb2.DataType.items()
        if number != tensor_pb2.DATA_TYPE_UNSPECIFIED
    }
    assert contract == host.DTYPES


def test_describes_every_algorithm(runner: CppRunner, fft: CppRunner) -> None:
    described = {one.name: one for one in [*runner.describe(), *fft.describe()]}
    assert {"cpp.fft", "cpp.ifft", "cpp.test_crash"} <= set(described)
    transform = described["cpp.fft"]
    assert transform.version == "1"
    assert list(transform.inputs[0].dtypes) == [
        tensor_pb2.DATA_TYPE_FLOAT32,
        tensor_pb2.DATA_TYPE_FLOAT64,
        tensor_pb2.DATA_TYPE_COMPLEX64,
        tensor_pb2.DATA_TYPE_COMPLEX128,
    ]
    assert transform.inputs[0].any_rank
    assert transform.inputs[0].required
    assert not transform.inputs[0].allow_empty
    assert transform.idempotent
    assert not transform.result_schema
    assert json.loads(transform.parameters_schema)["properties"]["norm"]["enum"][0] == "backward"
    assert not described["cpp.test_crash"].idempotent
    assert described["cpp.test_progress"].streams


def test_computes(fft: CppRunner) -> None:
    x = np.arange(12.0).reshape(3, 4)
    reply = fft.run(call("cpp.fft", {"axes": [0]}, {"x": x}))
    y = reply.outputs["y"]
    assert reply.outcome == compute_pb2.OUTCOME_OK
    assert (y.dtype, y.shape) == (tensor_pb2.DATA_TYPE_COMPLEX128, (3, 4))
    got = np.frombuffer(y.data, "complex128").reshape(3, 4)
    np.testing.assert_allclose(got, np.fft.fft(x, axis=0), atol=1e-12)


def test_writes_an_output_where_the_caller_wants_it(fft: CppRunner) -> None:
    x = np.arange(4.0)
    memory = memoryview(bytearray(160))
    reply = fft.run(call("cpp.fft", {}, {"x": x}, places={"y": memory[16:96]}))
    assert reply.outputs["y"].data.nbytes == 64
    np.testing.assert_allclose(np.frombuffer(memory, "complex128")[1:5], np.fft.fft(x))
    assert not any(memory[:16])
    assert not any(memory[80:])


def test_refuses_a_place_that_is_too_small(fft: CppRunner) -> None:
    memory = memoryview(bytearray(48))
    with pytest.raises(InvalidInput) as refused:
        fft.run(call("cpp.fft", {}, {"x": np.arange(4.0)}, places={"y": memory}))
    assert refused.value.violations == {"outputs_to.y.size": "64 or more, not 48"}
    assert not any(memory)


def test_tells_what_happens_and_keeps_it(runner: CppRunner) -> None:
    front = Front()
    reply = runner.run(call("cpp.test_progress", {"steps": 2}, front=front))
    assert reply.result == {"steps": 2}
    assert reply.stdout == "step 1\nstep 2\n"
    kinds = [event.WhichOneof("event") for event in front.events]
    assert kinds == ["output", "progress"] * 2
    assert math.isclose(front.events[1].progress.fraction, 0.5)


def test_refusals_and_failures(runner: CppRunner, fft: CppRunner) -> None:
    with pytest.raises(InvalidInput) as refused:
        fft.run(call("cpp.fft", {"axes": [5]}, {"x": np.ones(3)}))
    assert refused.value.violations == {"parameters.axes[0]": "must lie in -1 to 0, is 5"}
    with pytest.raises(AlgorithmFailure) as failed:
        runner.run(call("cpp.test_fail", {"message": "no"}))
    assert (failed.value.type, failed.value.message) == ("TestFailure", "no")


def test_a_call_whose_caller_has_gone(runner: CppRunner) -> None:
    front = Front()
    front.cancelled.set()
    reply = runner.run(call("cpp.test_sleep", {"seconds": 600}, front=front))
    assert reply.outcome == compute_pb2.OUTCOME_CANCELLED
    assert reply.failure is not None


def test_a_call_whose_time_is_up(runner: CppRunner) -> None:
    front = Front(seconds=0.01)
    reply = runner.run(call("cpp.test_sleep", {"seconds": 600}, front=front))
    assert reply.outcome == compute_pb2.OUTCOME_TIMEOUT
    assert reply.failure is not None
    assert reply.failure.limit.name == "run_time_ms"


def test_a_call_that_prints_too_much(runner: CppRunner) -> None:
    reply = runner.run(call("cpp.test_progress", {"steps": 1000}, output_bytes=100))
    assert reply.outcome == compute_pb2.OUTCOME_OUTPUT_LIMIT
    assert len(reply.stdout) <= 100
    assert reply.stdout.startswith("step 1\nstep 2\n")


def test_what_is_no_plugin(tmp_path: Path) -> None:
    (tmp_path / "broken.so").write_text("nothing")
    with pytest.raises(host.PluginLoadError) as refused:
        CppRunner({"plugin": str(tmp_path / "broken.so"), "threads": 1})
    assert refused.value.reason == "not_elf"

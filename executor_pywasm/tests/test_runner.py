"""The mesh's calls become runs, and what came of them replies."""

from __future__ import annotations

import json
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from edgemesh.compute.v1 import compute_pb2, tensor_pb2
from jsonschema import Draft202012Validator

from edgemesh_executor_pywasm.runner import PyWasmRunner
from edgemesh_sandbox.built import Built
from mesh_service.executor import Call, InvalidInput, Reply, TensorView

MIB = 1 << 20


class Pool:
    """The pool's side of a call, in this process."""

    def __init__(self, run_time_s: float) -> None:
        self.deadline = time.monotonic() + run_time_s
        self.cancelled = threading.Event()
        self.events: list[compute_pb2.ComputeEvent] = []
        self.allocated: list[memoryview] = []

    def emit(self, event: bytes) -> None:
        self.events.append(compute_pb2.ComputeEvent.FromString(event))

    def allocate(self, nbytes: int) -> memoryview:
        self.allocated.append(memoryview(bytearray(nbytes)))
        return self.allocated[-1]


@pytest.fixture(scope="module")
def runner(built: Built, images: Path) -> Iterator[PyWasmRunner]:
    runner = PyWasmRunner({"images": str(images), "ready": True})
    yield runner
    runner.close()


def call(
    parameters: dict[str, Any],
    inputs: dict[str, TensorView] | None = None,
    *,
    run_time_ms: int = 10_000,
    memory_bytes: int = 128 * MIB,
    streaming: bool = False,
) -> tuple[Call, Pool]:
    request = compute_pb2.ComputeRequest(
        algorithm="python.call@1" if "function" in parameters else "python.run@1",
        parameters=json.dumps(parameters),
        limits=compute_pb2.Limits(
            run_time_ms=run_time_ms, memory_bytes=memory_bytes, output_bytes=1000
        ),
    )
    pool = Pool(run_time_ms / 1e3)
    return Call(pool, request, parameters, inputs or {}, streaming), pool


def run(runner: PyWasmRunner, code: str, **options: Any) -> Reply:
    return runner.run(call({"code": code}, **options)[0])


def test_it_describes_its_algorithms_with_valid_schemas(runner: PyWasmRunner) -> None:
    program: dict[str, Any] = {"code": "", "inputs": {"a": 1}, "stdin": ""}
    function: dict[str, Any] = {"function": "f", "args": [1], "kwargs": {"a": 1}}
    many: dict[str, Any] = {"function": "f", "items": [1], "kwargs": {"a": 1}, "concurrency": 2}
    right = {
        "python.run": program,
        "python.call": program | function,
        "python.map": program | many,
    }
    described = [each for each in runner.describe() if each.name.startswith("python.")]
    for algorithm in described:
        assert algorithm.version == "1"
        assert algorithm.any_inputs
        schema: dict[str, Any] = json.loads(algorithm.parameters_schema)
        Draft202012Validator.check_schema(schema)
        Draft202012Validator.check_schema(json.loads(algorithm.result_schema))
        validator: Any = Draft202012Validator(schema)
        good = right.pop(algorithm.name)
        assert validator.is_valid(good)
        for wrong in (
            {},
            {"code": 1},
            {"inputs": []},
            {"x": 1},
            {"function": ""},
            {"args": {}},
            {"refs": ""},
        ):
            assert not validator.is_valid(good | wrong if wrong else {})
    assert not right


def test_a_function_is_called_with_values_and_tensors(runner: PyWasmRunner) -> None:
    x = TensorView(tensor_pb2.DATA_TYPE_FLOAT64, (2,), memoryview(struct.pack("<2d", 1, 2)))
    parameters = {
        "code": "def f(x, *, day):\n    return {'sum': x.sum(), 'next': day, 'x': [x]}",
        "function": "f",
        "args": [{"$type": "ndarray", "tensor": "x"}],
        "kwargs": {"day": {"$type": "date", "value": "2026-01-02"}},
    }
    made, _ = call(parameters, {"x": x})
    reply = runner.run(made)
    assert reply.result == {
        "sum": 3.0,
        "next": {"$type": "date", "value": "2026-01-02"},
        "x": [{"$type": "ndarray", "tensor": "x.0"}],
    }
    assert bytes(reply.outputs["x.0"].data) == bytes(x.data)


def test_the_result_of_a_part_refers_to_all_its_tensors(runner: PyWasmRunner) -> None:
    code = "import numpy as np\ndef f(x): return {'a': np.arange(2), 'n': [np.arange(3)]}"
    made, _ = call({"code": code, "function": "f", "args": [1], "refs": "7."})
    reply = runner.run(made)
    refs = reply.result["a"]["tensor"], reply.result["n"][0]["tensor"]
    assert refs == ("7.a", "7.n.0")
    assert [reply.outputs[name.removeprefix("7.")].shape for name in refs] == [(2,), (3,)]


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"inputs": {"a": [{"$type": "nonsense"}]}}, "inputs.a"),
        ({"inputs": {"a": {"$type": "ndarray", "tensor": "none"}}}, "inputs.a"),
        ({"function": "f", "args": [{"$type": "decimal", "value": "x"}]}, "args"),
        ({"function": "f", "kwargs": {"a": {"$type": "date"}}}, "kwargs"),
    ],
)
def test_tags_that_make_no_sense_are_refused(
    runner: PyWasmRunner, parameters: dict[str, Any], field: str
) -> None:
    made, _ = call({"code": "print('ran')", **parameters})
    with pytest.raises(InvalidInput) as caught:
        runner.run(made)
    assert list(caught.value.violations) == [field]


def test_notes_and_members_of_groups_are_in_the_failure(runner: PyWasmRunner) -> None:
    code = "e = ExceptionGroup('g', [ValueError('v')])\ne.add_note('n')\nraise e"
    failure = run(runner, code).failure
    assert failure is not None
    assert list(failure.notes) == ["n"]
    assert [(e.type, e.message) for e in failure.exceptions] == [("ValueError", "v")]


def test_parameters_and_tensors_are_inputs_and_outputs_tensors(runner: PyWasmRunner) -> None:
    x = TensorView(tensor_pb2.DATA_TYPE_FLOAT64, (2, 2), memoryview(struct.pack("<4d", 1, 2, 3, 4)))
    code = "output = {'y': inputs['x'] * inputs['k'], 'n': inputs['x'].size, 'b': b'raw'}"
    made, pool = call({"code": code, "inputs": {"k": 2}}, {"x": x})
    reply = runner.run(made)
    assert (reply.outcome, reply.result) == (compute_pb2.OUTCOME_OK, {"n": 4})
    y = reply.outputs["y"]
    assert (y.dtype, y.shape) == (tensor_pb2.DATA_TYPE_FLOAT64, (2, 2))
    assert struct.unpack("<4d", y.data) == (2, 4, 6, 8)
    assert reply.outputs["b"].dtype == tensor_pb2.DATA_TYPE_BYTES
    assert [v.data for v in reply.outputs.values()] == pool.allocated


def test_stdin_is_passed(runner: PyWasmRunner) -> None:
    made, _ = call({"code": "output = input()", "stdin": "hello\n"})
    assert runner.run(made).result == "hello"


def test_a_name_that_is_given_twice_is_refused(runner: PyWasmRunner) -> None:
    x = TensorView(tensor_pb2.DATA_TYPE_UINT8, (1,), memoryview(b"1"))
    made, _ = call({"code": "", "inputs": {"x": 1}}, {"x": x})
    with pytest.raises(InvalidInput, match=r"inputs\.x: not also in parameters\.inputs"):
        runner.run(made)


def test_a_type_that_numpy_lacks_is_refused(runner: PyWasmRunner) -> None:
    x = TensorView(tensor_pb2.DATA_TYPE_BFLOAT16, (1,), memoryview(b"12"))
    made, _ = call({"code": ""}, {"x": x})
    with pytest.raises(InvalidInput, match=r"inputs\.x\.dtype: one of bool"):
        runner.run(made)


def test_a_shape_that_the_guest_cannot_have_is_refused(runner: PyWasmRunner) -> None:
    x = TensorView(tensor_pb2.DATA_TYPE_FLOAT64, (0, 1 << 40, 1024), memoryview(b""))
    made, _ = call({"code": ""}, {"x": x})
    with pytest.raises(InvalidInput, match=r"inputs\.x\.shape: .* less than 2\^31 bytes"):
        runner.run(made)


@pytest.mark.parametrize(
    ("code", "outcome", "kind", "limit"),
    [
        ("1 / 0", compute_pb2.OUTCOME_EXCEPTION, "ZeroDivisionError", None),
        ("import sys; sys.exit(3)", compute_pb2.OUTCOME_EXIT, "Exit", None),
        ("while True: pass", compute_pb2.OUTCOME_TIMEOUT, "TimeLimit", ("run_time_ms", 400)),
        (
            "x = bytearray(10**9)",
            compute_pb2.OUTCOME_MEMORY_LIMIT,
            "MemoryLimit",
            ("memory_bytes", 128 * MIB),
        ),
        (
            "print('x' * 2000)",
            compute_pb2.OUTCOME_OUTPUT_LIMIT,
            "OutputLimit",
            ("output_bytes", 1000),
        ),
        ("import os; os.abort()", compute_pb2.OUTCOME_CRASH, "Abort", None),
    ],
)
def test_every_outcome_has_its_failure(
    runner: PyWasmRunner,
    code: str,
    outcome: compute_pb2.Outcome.ValueType,
    kind: str,
    limit: tuple[str, int] | None,
) -> None:
    reply = run(runner, f"print('kept')\n{code}", run_time_ms=400)
    assert reply.outcome == outcome
    assert reply.failure is not None
    assert reply.failure.type == kind
    assert reply.stdout.startswith("kept\n")
    found = (reply.failure.limit.name, reply.failure.limit.value)
    assert found == (limit or ("", 0))
    assert reply.failure.exit_code == (3 if kind == "Exit" else 0)
    if limit:
        assert str(limit[1]) in reply.failure.message
    assert run(runner, "output = 1").result == 1


def test_the_memory_of_a_call_has_room_for_what_lies_beside_the_guests(
    runner: PyWasmRunner,
) -> None:
    code = "x = []\nfor _ in range({}): x.append(bytearray(1 << 20))"
    assert run(runner, code.format(90)).outcome == compute_pb2.OUTCOME_OK
    reply = run(runner, code.format(120))
    assert reply.outcome == compute_pb2.OUTCOME_MEMORY_LIMIT
    assert 0 < reply.peak_memory_bytes < 128 * MIB


def test_what_is_printed_is_streamed_to_who_listens(runner: PyWasmRunner) -> None:
    code = "import time\nprint('one')\ntime.sleep(0.1)\nprint('two')"
    made, pool = call({"code": code}, streaming=True)
    assert runner.run(made).stdout == "one\ntwo\n"
    assert [event.output.text for event in pool.events] == ["one\n", "two\n"]
    made, pool = call({"code": code})
    runner.run(made)
    assert pool.events == []


def test_who_leaves_ends_the_call(runner: PyWasmRunner) -> None:
    made, pool = call({"code": "while True: pass"})
    pool.cancelled.set()
    assert runner.run(made).outcome == compute_pb2.OUTCOME_CANCELLED

"""Registered algorithms, as the executor has them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from edgemesh.compute.v1 import compute_pb2, tensor_pb2
from edgemesh.executor.v1 import executor_pb2

from edgemesh_sandbox.built import Built
from ground.executor import Executor, Refusal, value


@pytest.fixture(scope="module")
def executor(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    with Executor(tmp_path_factory.mktemp("cache")) as running:
        yield running


def prepared(executor: Executor, code: str, **fields: Any) -> tuple[str, executor_pb2.Program]:
    raw = executor.prepare(code, **fields).program
    return executor.put(raw), executor_pb2.Program.FromString(raw)


def refused(executor: Executor, code: str, **fields: Any) -> dict[str, str]:
    with pytest.raises(grpc.RpcError) as caught:
        executor.prepare(code, **fields)
    refusal = Refusal(caught.value)
    assert (refusal.code, refusal.reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_REQUEST",
    )
    return refusal.fields


def test_the_module_level_runs_once_and_calls_begin_after_it(executor: Executor) -> None:
    code = """
import os
once = os.urandom(8).hex()
calls = 0
def f(x: int = 1):
    global calls
    calls += 1
    return [x, calls, once]
"""
    digest, _ = prepared(executor, code)
    results = [value(executor.call(digest, x=n)) for n in range(6)]
    # Nothing of one call is in the next, and all have the level's one draw.
    assert results == [[n, 1, results[0][2]] for n in range(6)]


def test_the_schema_follows_from_the_signature(executor: Executor) -> None:
    code = '''
from typing import Annotated, Literal, TypedDict
import numpy as np
class Point(TypedDict):
    x: float
def f(n: int, s: str | None = None, *, kind: Literal["a", "b"] = "a", p: Point | None = None,
      ws: Annotated[list[float], "weights"] = [], free=3, x: np.ndarray) -> dict[str, float]:
    """What it does."""
    return {"n": n + float(x.sum())}
'''
    digest, program = prepared(executor, code)
    schema = json.loads(program.algorithm.parameters_schema)
    assert schema["required"] == ["n"]
    assert schema["additionalProperties"] is False
    assert schema["properties"] == {
        "n": {"type": "integer"},
        "s": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "kind": {"enum": ["a", "b"], "default": "a"},
        "p": {
            "anyOf": [
                {
                    "type": "object",
                    "properties": {"x": {"type": "number"}},
                    "required": ["x"],
                },
                {"type": "null"},
            ],
            "default": None,
        },
        "ws": {
            "type": "array",
            "items": {"type": "number"},
            "description": "weights",
            "default": [],
        },
        "free": {"default": 3},
    }
    result = json.loads(program.algorithm.result_schema)
    assert result["additionalProperties"] == {"type": "number"}
    assert program.algorithm.description == "What it does."
    assert [(each.name, each.required) for each in program.algorithm.inputs] == [("x", True)]
    x = np.arange(3.0)
    tensor = tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_FLOAT64, shape=x.shape, data=x.tobytes())
    assert value(executor.call(digest, {"x": tensor}, n=1)) == {"n": 4.0}
    for parameters, field in (
        ({"n": "1"}, "parameters.n"),
        ({}, "parameters"),
        ({"n": 1, "y": 1}, "parameters"),
        ({"n": 1, "kind": "c"}, "parameters.kind"),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            executor.call(digest, {"x": tensor}, **parameters)
        assert list(Refusal(caught.value).fields) == [field]
    with pytest.raises(grpc.RpcError) as caught:
        executor.call(digest, n=1)
    assert list(Refusal(caught.value).fields) == ["inputs.x"]


@pytest.mark.parametrize(
    ("code", "field", "said"),
    [
        ("def f(:\n    pass", "code", "line 1, column 7: invalid syntax"),
        ("x = 1\n  y = 2", "code", "line 2"),
        ("return 1", "code", "line 1"),
        ("(" * 10_000, "code", ""),
        ("1 / 0", "code", "ZeroDivisionError"),
        ("import no_such_module", "code", "no_such_module"),
        ("raise SystemExit(3)", "code", "EXIT"),
        ("import os\ndef f(): pass\nos._exit(0)", "code", "EXIT"),
        ("while True: pass", "code", "TIMEOUT"),
        ("x = bytearray(1 << 30)", "code", "MEMORY_LIMIT"),
        ("import os\nos.abort()", "code", "CRASH"),
        ("def g(): pass", "entry_point", "which has g"),
        ("f = 3", "entry_point", "a function of the code"),
        ("def f(x, /): pass", "entry_point", "given by name"),
    ],
)
def test_a_bad_program_is_refused_with_the_reason(
    executor: Executor, code: str, field: str, said: str
) -> None:
    fields = refused(executor, code, setup_run_time_ms=2000)
    assert list(fields) == [field]
    assert said in fields[field]


@pytest.mark.parametrize("schema", ["{", "[]", '{"type": "thing"}', '{"type": 3}'])
def test_a_schema_that_is_none_is_refused(executor: Executor, schema: str) -> None:
    fields = refused(executor, "def f(): pass", parameters_schema=schema)
    assert list(fields) == ["parameters_schema"]


def test_a_program_that_lies_about_its_signature_gains_nothing(executor: Executor) -> None:
    code = """
import inspect, json, typing
class Lie:
    parameters = property(lambda self: 1 / 0)
inspect.signature = lambda f: Lie()
def f(): return 1
"""
    assert list(refused(executor, code)) == ["entry_point"]


def test_the_report_tells_imports_and_calls(executor: Executor) -> None:
    code = """
import subprocess as sp, numpy.linalg
from pickle import loads as run
try:
    import no_such_thing
except ImportError:
    pass
def f():
    eval("1")
    run(b"")
    return sp.check_output(["ls"])
"""
    report = executor.prepare(code).report
    assert list(report.imports) == ["no_such_thing", "numpy", "pickle", "subprocess"]
    assert list(report.missing) == ["no_such_thing"]
    assert [(each.call, each.line, each.column) for each in report.risky_calls] == [
        ("eval", 9, 5),
        ("run", 10, 5),
        ("sp.check_output", 11, 12),
    ]


def test_an_unknown_program_is_told_so_that_it_can_be_put(executor: Executor) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        executor.call("0" * 64)
    assert Refusal(caught.value).reason == "UNKNOWN_PROGRAM"
    with pytest.raises(grpc.RpcError) as caught:
        executor.put(b"\xff\xff")
    assert list(Refusal(caught.value).fields) == ["program"]


def test_a_failing_call_is_a_result_with_the_users_lines(executor: Executor) -> None:
    digest, _ = prepared(executor, "def f(n: int = 0):\n    return 1 // n")
    response = executor.call(digest)
    assert response.outcome == compute_pb2.OUTCOME_EXCEPTION
    assert response.failure.type == "ZeroDivisionError"
    assert 'File "main.py", line 2, in f' in response.failure.traceback
    assert response.algorithm == "python.f@1"
    assert value(executor.call(digest, n=1)) == 1


def test_programs_images_outlive_the_executor_and_a_torn_one_is_made_anew(
    built: Built, tmp_path: Path
) -> None:
    code = "import time\nmade = time.time_ns()\ndef f(): return made"
    with Executor(tmp_path) as running:
        raw = running.prepare(code).program
        first = value(running.call(running.put(raw)))
    (image,) = (tmp_path / "programs").iterdir()
    with Executor(tmp_path) as running:
        assert value(running.call(running.put(raw))) == first
    image.write_bytes(image.read_bytes()[:-1])
    with Executor(tmp_path) as running:
        again = value(running.call(running.put(raw)))
        assert again > first
        assert value(running.call(running.put(raw))) == again

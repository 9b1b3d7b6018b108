"""`python.map` is taken apart into calls, and put together."""

from __future__ import annotations

import json
from typing import Any

from edgemesh.compute.v1 import compute_pb2, tensor_pb2

from edgemesh_executor_pywasm.map import PythonMap


def request(parameters: dict[str, Any], inputs: list[str]) -> compute_pb2.ComputeRequest:
    made = compute_pb2.ComputeRequest(parameters=json.dumps(parameters))
    for name in inputs:
        made.inputs[name].dtype = tensor_pb2.DATA_TYPE_BOOL
    return made


def tensor(name: str) -> dict[str, str]:
    return {"$type": "ndarray", "tensor": name}


def test_each_item_is_a_call_with_the_tensors_it_refers_to_and_those_of_all() -> None:
    parameters = {
        "code": "c",
        "function": "f",
        "kwargs": {"k": tensor("k")},
        "items": [
            1,
            [{"a": tensor("x")}],
            tensor("y"),
            {"tensor": "z"},
            [tensor("x"), tensor("y")],
        ],
        "concurrency": 3,
    }
    parts, at_once = PythonMap().split(request(parameters, ["x", "y", "z", "k"]))
    assert at_once == 3
    assert [list(part.inputs) for part in parts] == [
        ["k", "z"], ["k", "x", "z"], ["k", "y", "z"], ["k", "z"], ["k", "x", "y", "z"],
    ]  # fmt: skip
    assert parts[2].algorithm == "python.call@1"
    assert parts[2].parameters == {
        "code": "c",
        "function": "f",
        "kwargs": {"k": tensor("k")},
        "args": [tensor("y")],
        "refs": "2.",
    }


def test_answers_become_outcomes_in_their_order() -> None:
    failure = compute_pb2.Failure(type="E", message="m", traceback="t", notes=["n"])
    failure.exceptions.add(type="F", message="f")
    answers = [
        compute_pb2.ComputeResponse(outcome=compute_pb2.OUTCOME_OK, result="[1]"),
        None,
        compute_pb2.ComputeResponse(outcome=compute_pb2.OUTCOME_OK),
        compute_pb2.ComputeResponse(outcome=compute_pb2.OUTCOME_EXCEPTION, failure=failure),
    ]
    assert PythonMap().join(request({}, []), answers) == [
        {"outcome": "ok", "result": [1]},
        {"outcome": "timeout"},
        {"outcome": "ok", "result": None},
        {
            "outcome": "exception",
            "failure": {
                "type": "E",
                "message": "m",
                "traceback": "t",
                "notes": ["n"],
                "exceptions": [{"type": "F", "message": "f"}],
            },
        },
    ]

"""What the suites must know of each executor: one quick piece of work, one endless, some bad ones.

A new executor joins every suite by one Subject here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from edgemesh.compute.v1 import compute_pb2

from support import arrays, rpc

_LONG = compute_pb2.Limits(run_time_ms=60_000)

Request = compute_pb2.ComputeRequest
Response = compute_pb2.ComputeResponse


WORKERS = 2
"""Of each executor; where one has several crews, of each."""


@dataclass(frozen=True)
class Bad:
    """Parameters that do not fit, and the field that the refusal names."""

    algorithm: str
    parameters: Mapping[str, Any]
    field: str

    @property
    def json(self) -> str:
        """The parameters as they travel."""
        return json.dumps(self.parameters)


@dataclass(frozen=True)
class Subject:
    """One executor under test."""

    name: str
    quick: Callable[[int], Request]
    """Work of a few milliseconds, whose right answer depends on the number."""
    check: Callable[[int, Response], None]
    """Asserts that a response is the right one for that number."""
    endless: Request
    """Work that would take minutes; it stops when it is told to."""
    misspelt: str
    """Nearly the name of `nearest`."""
    nearest: str
    bad_parameters: tuple[Bad, ...]
    bad_inputs: Mapping[str, tuple[Request, str]] = field(default_factory=dict[Any, Any])
    """Tensors that do not fit the specs: case → request and the field that is named."""
    bad_to_the_algorithm: Mapping[str, tuple[Request, str]] = field(default_factory=dict[Any, Any])
    """What fits the specs and is wrong nevertheless; the worker says so."""
    services: tuple[str, ...] = ()
    """What it serves beside what every executor does."""
    at_once: int = 1
    """Calls that one worker runs together."""


def _cpp_quick(number: int) -> Request:
    return rpc.request("cpp.fft", None, {"x": _series(number)})


def _series(number: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.arange(16, dtype="<f8") * number - number**2


def _cpp_check(number: int, response: Response) -> None:
    assert rpc.outcome(response) == "OK", response.failure
    np.testing.assert_allclose(
        arrays.array(response.outputs["y"]), np.fft.fft(_series(number)), atol=1e-6
    )


CPP = Subject(
    name="cpp",
    quick=_cpp_quick,
    check=_cpp_check,
    endless=rpc.request("cpp.test_sleep", {"seconds": 600}, limits=_LONG),
    misspelt="cpp.ftt",
    nearest="cpp.fft",
    bad_parameters=(
        Bad("cpp.test_sleep", {}, "parameters"),
        Bad("cpp.fft", {"norms": "ortho"}, "parameters"),
        Bad("cpp.fft", {"norm": 5}, "parameters.norm"),
        Bad("cpp.fft", {"axes": [0, "1"]}, "parameters.axes[1]"),
    ),
    bad_inputs={
        "missing": (rpc.request("cpp.fft"), "inputs.x"),
        "extra": (
            rpc.request("cpp.fft", None, {"x": np.ones(4), "z": np.ones(4)}),
            "inputs.z",
        ),
        "dtype": (rpc.request("cpp.fft", None, {"x": np.ones(4, "<i4")}), "inputs.x.dtype"),
        "empty": (rpc.request("cpp.fft", None, {"x": np.ones((2, 0))}), "inputs.x.shape[1]"),
    },
    bad_to_the_algorithm={
        "rank": (rpc.request("cpp.fft", None, {"x": np.array(1.0)}), "inputs.x"),
        "axes": (rpc.request("cpp.fft", {"axes": [1]}, {"x": np.ones(4)}), "parameters.axes[0]"),
        "shapes": (
            rpc.request("cpp.matmul", None, {"a": np.ones((2, 3)), "b": np.ones((4, 2))}),
            "inputs.b",
        ),
    },
)

_ROWS: dict[int, Any] = {}
"""Embeddings as they first came: the same text must give the same numbers again."""


def _ml_check(number: int, response: Response) -> None:
    assert rpc.outcome(response) == "OK", response.failure
    row = arrays.array(response.outputs["embeddings"])[0]
    assert row.shape == (384,)
    np.testing.assert_allclose(np.linalg.norm(row), 1.0, atol=1e-4)
    np.testing.assert_allclose(row, _ROWS.setdefault(number, row), atol=1e-5)
    others = (abs(row - other).max() for n, other in _ROWS.items() if n != number)
    assert all(distance > 1e-3 for distance in others)


ML = Subject(
    name="ml",
    services=("edgemesh.compute.v1.ModelService",),
    at_once=2,
    quick=lambda number: rpc.request("ml.embed", {"texts": [f"There are {number} apples."]}),
    check=_ml_check,
    endless=rpc.request(
        "ml.generate",
        {"prompt": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10,", "max_tokens": 2000},
        limits=_LONG,
    ),
    misspelt="ml.embedd",
    nearest="ml.embed",
    bad_parameters=(
        Bad("ml.embed", {}, "parameters"),
        Bad("ml.embed", {"texts": ["a"], "colour": "red"}, "parameters"),
        Bad("ml.embed", {"texts": 5}, "parameters.texts"),
        Bad("ml.embed", {"texts": ["a", 5]}, "parameters.texts[1]"),
        Bad("ml.generate", {"prompt": "a", "max_tokens": "many"}, "parameters.max_tokens"),
    ),
    bad_inputs={
        "extra": (rpc.request("ml.embed", {"texts": ["a"]}, {"x": np.ones(4)}), "inputs.x"),
    },
)


def _python_check(number: int, response: Response) -> None:
    assert rpc.outcome(response) == "OK", (response.failure, response.stderr)
    assert json.loads(response.result) == number**2
    assert response.stdout == f"{number}\n"


PYWASM = Subject(
    name="pywasm",
    services=("edgemesh.compute.v1.SessionService",),
    quick=lambda number: rpc.request(
        "python.run", {"code": f"print({number})\noutput = {number} ** 2"}
    ),
    check=_python_check,
    endless=rpc.request("python.run", {"code": "while True: pass"}, limits=_LONG),
    misspelt="python.rum",
    nearest="python.run",
    bad_parameters=(
        Bad("python.run", {}, "parameters"),
        Bad("python.run", {"code": "", "colour": "red"}, "parameters"),
        Bad("python.run", {"code": ["print(1)"]}, "parameters.code"),
        Bad("wasm.run", {"function": 5}, "parameters.function"),
        Bad("wasm.run", {"sha256": "abc"}, "parameters.sha256"),
        Bad("js.run", {"inputs": {}}, "parameters"),
    ),
    bad_inputs={
        "no module": (rpc.request("wasm.run", {}), "inputs.module"),
        "a module that is none": (
            rpc.request("wasm.run", {}, {"module": np.ones(4)}),
            "inputs.module.dtype",
        ),
    },
)

SUBJECTS = {subject.name: subject for subject in (CPP, ML, PYWASM)}

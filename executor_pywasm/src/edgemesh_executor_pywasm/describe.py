"""What the executor says of its algorithms."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2

RUN = "python.run"
CALL = "python.call"
MAP = "python.map"
PROGRAM = "python.program"
"""What a registered algorithm is for a worker; no caller can ask for it by this name."""

_PYTHON = """\
a fresh, sandboxed CPython 3.15 that has NumPy, pandas, SciPy, scikit-learn, Matplotlib and the \
standard library imported already; nothing of one call is in the next"""

_VALUES = """\
Values cross as JSON; what JSON cannot carry is an object that says its type, such as \
{"$type": "datetime", "value": "2026-01-02T03:04:05+01:00"} or \
{"$type": "ndarray", "tensor": "x"}, which refers to a tensor of the request or of the outputs; \
executor_pywasm/README.md lists them. \
No network, threads or processes; what a program may call in the mesh is granted by the request's \
`capabilities` (edgemesh.call, candle, edgemesh.http)."""

_RUN = f"""\
Runs a Python program in {_PYTHON}. `inputs` is a dict of parameters.inputs and of the request's \
tensors, which are NumPy arrays (bytes for BYTES). The global `output`, or else the value of the \
last expression, is the result: a JSON value; an array, bytes or a Matplotlib figure (a tensor \
named `output`); or a dict of both, whose arrays, bytes and figures become tensors by their keys. \
Figures left open become outputs too. {_VALUES}"""

_CALL = f"""\
Runs a Python program in {_PYTHON}, then calls one of its functions; what that returns (or what it \
returns when awaited, if it is async) is the result, as in python.run. {_VALUES}"""

_MAP = f"""\
Runs a Python program and calls one of its functions, as python.call does, once for each of \
`items`, each in {_PYTHON}, spread over the executor's workers. The result is a list in the \
items' order, of objects with `outcome` ("ok", "exception", …) and `result` or `failure`; the \
tensors of the item number n are outputs `n.name`. Items share the run time; a failed one stops \
no other. {_VALUES}"""

_SCHEMA = "https://json-schema.org/draft/2020-12/schema"

_PROGRAM: dict[str, Any] = {
    "code": {"type": "string", "description": "The program; it runs as __main__."},
    "inputs": {
        "type": "object",
        "description": "Bound to the variable `inputs`, a dict: any text is a name.",
    },
    "stdin": {"type": "string", "description": "What sys.stdin reads."},
    "deterministic": {
        "type": "boolean",
        "description": "Fixed clocks and random numbers: the same bytes in every run.",
    },
}
_ENVIRONMENT: dict[str, Any] = {
    "environment": {
        "type": "string",
        "pattern": "^[0-9a-f]{64}$",
        "description": "The id of an environment, whose packages can be imported.",
    },
}
_FUNCTION: dict[str, Any] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    "description": "The name of a global of the program that can be called.",
}

_RESULT: dict[str, Any] = {
    "$schema": _SCHEMA,
    "description": "The JSON part of the program's result.",
}


def algorithms(capabilities: Sequence[str] = ()) -> list[algorithm_pb2.Algorithm]:
    """All of them, each of which may ask for these `capabilities`.

    Inputs of any name are taken; outputs' names are the program's.
    """
    call = {
        "function": _FUNCTION,
        "args": {"type": "array", "description": "Its positional arguments."},
        "kwargs": {"type": "object", "description": "Its arguments by name."},
    }
    many = {
        "function": _FUNCTION,
        "items": {
            "type": "array",
            "maxItems": 10_000,
            "description": "The first argument of each call.",
        },
        "kwargs": {"type": "object", "description": "Further arguments by name, of each."},
        "concurrency": {
            "type": "integer",
            "minimum": 1,
            "description": "How many run at once, at most; as many as there are workers.",
        },
    }
    return [
        _algorithm(RUN, _RUN, _PROGRAM | _ENVIRONMENT, ["code"], capabilities),
        _algorithm(CALL, _CALL, _PROGRAM | call | _ENVIRONMENT, ["code", "function"], capabilities),
        _algorithm(
            MAP, _MAP, _PROGRAM | many | _ENVIRONMENT, ["code", "function", "items"], capabilities
        ),
    ]


def _algorithm(
    name: str,
    description: str,
    properties: dict[str, Any],
    required: list[str],
    capabilities: Sequence[str],
) -> algorithm_pb2.Algorithm:
    parameters = {
        "$schema": _SCHEMA,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
    return algorithm_pb2.Algorithm(
        name=name,
        version="1",
        description=description,
        parameters_schema=json.dumps(parameters),
        result_schema=json.dumps(_RESULT),
        any_inputs=True,
        streams=True,
        idempotent=True,
        capabilities=capabilities,
    )

"""What the executor says of `python.run`."""

from __future__ import annotations

import json
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2

NAME = "python.run"

_DESCRIPTION = """\
Runs a Python program in a fresh, sandboxed CPython 3.15 that has NumPy, pandas, SciPy, \
scikit-learn, Matplotlib and the standard library imported already; nothing of one call is in the \
next. `inputs` is a dict of parameters.inputs and of the request's tensors, which are NumPy \
arrays (bytes for BYTES). The global `output` is the result: a JSON value; an array, bytes or a \
Matplotlib figure (a tensor named `output`); or a dict of both, whose arrays, bytes and figures \
become tensors by their keys. NaN and infinities are no JSON: put them in an array or use None. \
No network, files, threads or processes."""

_PARAMETERS: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "code": {"type": "string", "description": "The program; it runs as __main__."},
        "inputs": {"type": "object", "description": "Bound to the variable `inputs`."},
        "stdin": {"type": "string", "description": "What sys.stdin reads."},
    },
    "required": ["code"],
    "additionalProperties": False,
}

_RESULT: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "description": "The JSON part of the program's `output`.",
}


def algorithms() -> list[algorithm_pb2.Algorithm]:
    """The one algorithm. Inputs of any name are taken; outputs' names are the program's."""
    return [
        algorithm_pb2.Algorithm(
            name=NAME,
            version="1",
            description=_DESCRIPTION,
            parameters_schema=json.dumps(_PARAMETERS),
            result_schema=json.dumps(_RESULT),
            any_inputs=True,
            streams=True,
            idempotent=True,
        )
    ]

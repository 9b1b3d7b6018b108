"""What the executor says of its algorithms that run WebAssembly modules, JavaScript and Ruby."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2, tensor_pb2

RUN = "wasm.run"
JS = "js.run"
RUBY = "ruby.run"
MODULE = "module"
"""The input that holds the module's bytes."""
TENANT, DIGEST = "tenant", "sha256"
"""What a worker is told among the parameters: whose the call is, and the module's hash."""

_SCHEMA = "https://json-schema.org/draft/2020-12/schema"
_VALUE = """\
i32 and i64 are integers (signed or unsigned when given, signed in results), f32 and f64 numbers \
or {"$type": "float", "value": "nan" | "inf" | "-inf"}, v128 is {"$type": "bytes", "value": \
<base64 of 16 bytes>}"""
_NOT = "No network, threads or processes."

_RUN = f"""\
Runs a WebAssembly module (a core module with WASI preview 1, or a component) in an instance of \
its own: an exported function with typed arguments, whose results come back as JSON (none: null, \
several: a list), or `_start` with argv, stdin and env. {_VALUE}; a component's types are those of \
the component model. All inputs but `module` are files below /inputs; what it leaves below \
/outputs becomes outputs. The module is sent as the input `module`, or named by its SHA-256 where \
this tenant has sent it before. It may import WASI and the host functions that are asked for; \
anything else is refused before it runs. A trap is the outcome CRASH, with the names of the \
functions that were running. {_NOT}"""

_LANGUAGES = {
    JS: f"""\
Runs a JavaScript program (ES2023 and later, QuickJS-ng) in a fresh, sandboxed interpreter. \
`inputs` is an object of parameters.inputs, `stdin` a text. The global `output`, or else the value \
of the last expression, is the result, as JSON; if it is a promise, what it resolves to. `std` and \
`os` are QuickJS's modules, with files below /inputs, /outputs and /tmp. {_NOT}""",
    RUBY: f"""\
Runs a Ruby program (CRuby 3.4 with its standard library) in a fresh, sandboxed interpreter. \
`inputs` is a Hash of parameters.inputs. The global `$output`, or else the value of the last \
expression, is the result, as JSON; files below /inputs, /outputs and /tmp. {_NOT}""",
}

_COMMON: dict[str, Any] = {
    "stdin": {"type": "string", "description": "What its standard input reads, as UTF-8."},
    "deterministic": {
        "type": "boolean",
        "description": "Fixed clocks and random numbers: the same bytes in every run.",
    },
}
_PARAMETERS: dict[str, Any] = {
    "sha256": {
        "type": "string",
        "pattern": "^[0-9a-f]{64}$",
        "description": "The module's SHA-256, instead of the input `module`.",
    },
    "function": {
        "type": "string",
        "maxLength": 1000,
        "description": "The exported function; by default `_start`.",
    },
    "args": {"type": "array", "maxItems": 1000, "description": f"Its arguments: {_VALUE}."},
    "argv": {
        "type": "array",
        "items": {"type": "string"},
        "description": "The program's arguments, without its name.",
    },
    "env": {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "Its environment; nothing else is in it.",
    },
    "host_functions": {
        "type": "array",
        "items": {"enum": ["env.log", "env.alloc", "env.abort"]},
        "uniqueItems": True,
        "description": "What it may import beside WASI: env.log(address, bytes) prints a line on "
        "stderr, env.alloc(bytes) gives memory behind the module's own, env.abort is "
        "AssemblyScript's.",
    },
}


def run_algorithm() -> algorithm_pb2.Algorithm:
    """`wasm.run`."""
    algorithm = _algorithm(RUN, _RUN, _PARAMETERS | _COMMON, [])
    algorithm.inputs.add(
        name=MODULE,
        dtypes=[tensor_pb2.DATA_TYPE_BYTES],
        shape=[-1],
        description="The module's bytes.",
    )
    return algorithm


def language_algorithm(name: str) -> algorithm_pb2.Algorithm:
    """`js.run` or `ruby.run`."""
    parameters = {
        "code": {"type": "string", "description": "The program."},
        "inputs": {"type": "object", "description": "Bound to `inputs`."},
    }
    return _algorithm(name, _LANGUAGES[name], parameters | _COMMON, ["code"])


def _algorithm(
    name: str, description: str, properties: Mapping[str, Any], required: list[str]
) -> algorithm_pb2.Algorithm:
    parameters = {
        "$schema": _SCHEMA,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
    result = {"$schema": _SCHEMA, "description": "What it returned."}
    return algorithm_pb2.Algorithm(
        name=name,
        version="1",
        description=description,
        parameters_schema=json.dumps(parameters),
        result_schema=json.dumps(result),
        any_inputs=True,
        streams=True,
        idempotent=True,
    )

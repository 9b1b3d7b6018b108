"""Algorithms as tools: names, schemas, descriptions.

Rules: a tool's arguments are parameters and inputs side by side, as in REST's own paths, so that a
schema is the algorithm's with its inputs added. Models' own interfaces take names of 64 letters,
digits, `_` and `-`: a dot becomes `-`, which no algorithm's name has, and of a longer name the end
becomes a digest.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2
from mcp_types import Tool, ToolAnnotations

from mesh_service.tensors import dtype_name

MOST_NAME = 64
_DIGEST = 8
_TYPES = ["number", "boolean", "array", "object"]
_FORM = "a nested list of numbers, or an object with dtype, shape and base64"
"""Said shorter than OpenAPI says it: a model reads all tools at once."""
_OPTIONS: dict[str, Any] = {
    "type": "object",
    "description": "beside the work: session_id (a name, under which variables are kept from call "
    'to call), deadline_ms, limits ({"run_time_ms": …, "memory_bytes": …}), capabilities',
    "properties": {
        "session_id": {"type": "string"},
        "deadline_ms": {"type": "integer", "minimum": 0},
        "limits": {"type": "object"},
        "capabilities": {"type": "array", "items": {"type": "string"}},
        "priority": {"type": "string", "enum": ["realtime", "interactive", "batch"]},
    },
    "additionalProperties": False,
}


def name_of(algorithm: str) -> str:
    """A tool's name."""
    name = algorithm.replace(".", "-")
    if len(name) <= MOST_NAME:
        return name
    digest = hashlib.sha256(algorithm.encode()).hexdigest()[:_DIGEST]
    return f"{name[: MOST_NAME - _DIGEST - 1]}-{digest}"


def algorithm_of(tool: str) -> str:
    """The algorithm's name, if the tool's is not one that was cut."""
    return tool.replace("-", ".")


def tool(offered: algorithm_pb2.OfferedAlgorithm) -> Tool:
    """An algorithm as a tool."""
    algorithm = offered.algorithm
    gives = "".join(f"\nGives {_told(spec)}" for spec in algorithm.outputs)
    return Tool(
        name=name_of(algorithm.name),
        title=algorithm.name,
        description=f"{algorithm.description or algorithm.name}{gives}",
        input_schema=_schema(algorithm),
        annotations=ToolAnnotations(idempotent_hint=algorithm.idempotent, destructive_hint=False),
    )


def _schema(algorithm: algorithm_pb2.Algorithm) -> dict[str, Any]:
    """What the arguments must be; what the algorithm's own schema refers to stays in its place."""
    found: dict[str, Any] = json.loads(algorithm.parameters_schema or "{}")
    properties: dict[str, Any] = dict(found.get("properties", {}))
    required: list[str] = list(found.get("required", []))
    for spec in algorithm.inputs:
        properties[spec.name] = {"type": _TYPES, "description": f"{_told(spec)}; {_FORM}"}
        if spec.required:
            required.append(spec.name)
    if algorithm.any_inputs:
        described = f"tensors of any other name, each {_FORM}"
        properties["tensors"] = {"type": "object", "description": described}
    properties["options"] = _OPTIONS
    schema = {**found, "type": "object", "properties": properties}
    return schema | ({"required": required} if required else {})


def _told(spec: algorithm_pb2.TensorSpec) -> str:
    types = " or ".join(dtype_name(dtype) for dtype in spec.dtypes)
    shape = "" if spec.any_rank else str(["any" if n < 0 else n for n in spec.shape])
    words = " ".join(each for each in (types, shape) if each) or "any"
    return f"{spec.name} ({words})" + (f": {spec.description}" if spec.description else "")

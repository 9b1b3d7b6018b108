"""What every route is given, and how routes tell OpenAPI of themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2
from pydantic import BaseModel

from edgemesh_gateway import algorithms
from edgemesh_gateway.rest import arrays, asking, problem
from edgemesh_gateway.rest.body import Bodies
from edgemesh_gateway.rest.caller import Caller, Core
from edgemesh_gateway.rest.computing import Computing

PREFIX = "/api/v1"
NOBODY = "-"
"""A namespace without algorithms: asking for it says only who asks."""
_REF = "#/components/schemas/"
OBJECT: dict[str, Any] = {"type": "object"}
WANTED: list[dict[str, Any]] = [
    {
        "name": "tensors",
        "in": "query",
        "description": "how tensors are written in JSON; auto: numbers, of large ones base64",
        "schema": {"type": "string", "enum": ["auto", "json", "base64", "npy"], "default": "auto"},
    },
    {
        "name": "output",
        "in": "query",
        "description": f"which output an answer of {arrays.NPY} is",
        "schema": {"type": "string"},
    },
    {
        "name": "Edgemesh-Deadline-Ms",
        "in": "header",
        "description": "how long the caller waits, in milliseconds from the request's arrival",
        "schema": {"type": "integer", "minimum": 0, "maximum": 1 << 53},
    },
]


@dataclass(frozen=True)
class Desk:
    """What routes stand on."""

    core: Core
    bodies: Bodies
    computing: Computing
    ready: Callable[[], bool]
    """Whether new work is taken."""
    most_json: int
    """Bytes of a body that is JSON."""

    async def offered(self, name: str, caller: Caller) -> algorithm_pb2.OfferedAlgorithm:
        """One algorithm as its caller may know it. Raises MeshError."""
        request = asking.build(algorithm_pb2.GetAlgorithmRequest, name=name)
        found = await self.core.call(
            algorithms.SERVICE,
            "GetAlgorithm",
            request,
            algorithm_pb2.GetAlgorithmResponse,
            caller,
        )
        return found.algorithm

    async def listed(self, namespace: str, caller: Caller) -> list[algorithm_pb2.OfferedAlgorithm]:
        """All algorithms of a namespace; empty: of all. Raises MeshError."""
        request = asking.build(algorithm_pb2.ListAlgorithmsRequest, namespace=namespace)
        found = await self.core.call(
            algorithms.SERVICE,
            "ListAlgorithms",
            request,
            algorithm_pb2.ListAlgorithmsResponse,
            caller,
        )
        return list(found.algorithms)

    async def models(self, caller: Caller) -> dict[str, list[str]]:
        """Model → the algorithms that take it, of the algorithms that say which they take."""
        models: dict[str, list[str]] = {}
        for each in await self.listed("ml", caller):
            schema: dict[str, Any] = json.loads(each.algorithm.parameters_schema or "{}")
            named = schema.get("properties", {}).get("model", {}).get("enum", [])
            for model in named:
                takers = models.setdefault(str(model), [])
                if each.algorithm.name not in takers:
                    takers.append(each.algorithm.name)
        return models


def takes(model: type[BaseModel], *, form: bool = False, required: bool = True) -> dict[str, Any]:
    """What OpenAPI is told of a body."""
    content: dict[str, Any] = {
        asking.JSON: {"schema": {"$ref": _REF + model.__name__}},
    }
    if form:
        content[asking.FORM] = {
            "schema": {
                "type": "object",
                "description": "the part `request` is JSON as above; each other part a file, "
                "a tensor by the part's name: .npy, or else opaque bytes",
                "properties": {"request": {"type": "string"}},
            }
        }
    return {"requestBody": {"required": required, "content": content}}


def gives(
    status: int = 200,
    description: str = "What came of it",
    content: dict[str, Any] | None = None,
) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI is told of answers."""
    told = {"application/json": {"schema": OBJECT}} if content is None else content
    return {
        status: {"description": description, **({"content": told} if told else {})},
        "default": {
            "description": "A problem (RFC 9457): what was wrong, where, and what was expected",
            "content": {problem.MEDIA_TYPE: {"schema": {"$ref": f"{_REF}ProblemBody"}}},
        },
    }


def computes() -> dict[int | str, dict[str, Any]]:
    """What OpenAPI is told of the answers to work."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    return gives(
        content={
            asking.JSON: {
                "schema": {
                    "type": "object",
                    "required": ["request_id", "outcome", "algorithm", "result"],
                    "properties": {
                        "request_id": {"type": "string"},
                        "outcome": {"type": "string", "examples": ["OK", "TIMEOUT"]},
                        "algorithm": {"type": "string"},
                        "result": {},
                        "stdout": {"type": "string"},
                        "stderr": {"type": "string"},
                        "outputs": {"type": "object"},
                        "failure": {"type": "object"},
                        "usage": {"type": "object"},
                    },
                }
            },
            asking.EVENTS: {"schema": {"type": "string"}},
            asking.FORM: binary,
            arrays.NPY: binary,
        }
    )

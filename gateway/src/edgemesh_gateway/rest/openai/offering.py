"""`/v1/models`: what OpenAI's clients may name as a model.

Rules: a model is what an algorithm's schema lists for its parameter `model`; a caller is told of
those whose algorithms it may run.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from edgemesh.compute.v1 import algorithm_pb2
from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from edgemesh_gateway.rest import answers, asking
from edgemesh_gateway.rest.desk import Desk
from edgemesh_gateway.rest.openai import errors
from edgemesh_gateway.rest.problem import Fault

MODEL = Annotated[str, Path(max_length=255)]


def routes(desk: Desk) -> APIRouter:
    """Both."""
    router = APIRouter(tags=["openai"])

    @router.get("/v1/models", summary="Models, as OpenAI lists them", responses=errors.gives())
    async def list_models(request: Request) -> Response:
        found = await desk.models(asking.caller(request))
        listed = [_model(name, found[name]) for name in sorted(found) if "@" not in name]
        return answers.told({"object": "list", "data": listed})

    @router.get("/v1/models/{model:path}", summary="One model", responses=errors.gives())
    async def get_model(request: Request, model: MODEL) -> Response:
        found = await desk.models(asking.caller(request))
        if model not in found:
            raise Fault(404, "MODEL_NOT_FOUND", f"there is no model {model[:128]!r}")
        return answers.told(_model(model, found[model]))

    return router


def schema(offered: algorithm_pb2.OfferedAlgorithm) -> dict[str, Any]:
    """The properties of an algorithm's parameters."""
    found: dict[str, Any] = json.loads(offered.algorithm.parameters_schema or "{}")
    return found.get("properties", {})


def _model(name: str, algorithms: list[str]) -> dict[str, Any]:
    # Nobody here knows when a model was made; OpenAI's clients want a number.
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": "edgemesh",
        "algorithms": algorithms,
    }

"""Routes of the models that an executor serves: which there are, and which are loaded.

Who computes with one names it in an algorithm's parameter `model`.
"""

from __future__ import annotations

from typing import Annotated, Any

from edgemesh.compute.v1 import model_pb2
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from edgemesh_gateway import models
from edgemesh_gateway.rest import answers, plain
from edgemesh_gateway.rest.compute import NAME
from edgemesh_gateway.rest.desk import PREFIX, Desk, gives
from edgemesh_gateway.rest.service import Service

_ROOT = f"{PREFIX}/models"
_ALWAYS = ("name", "version", "loaded", "stable", "kept", "algorithms", "memory_bytes")
Executor = Annotated[str, Query(max_length=128)]


def routes(desk: Desk) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["models"])

    ask = Service(desk, models.SERVICE).ask

    async def told(request: Request, method: str, **fields: Any) -> Response:
        answer = await ask(request, method, **fields)
        assert isinstance(answer, _ONE)
        return answers.told(plain.message(answer.model, always=_ALWAYS))

    @router.get(_ROOT, summary="The models that there are", responses=gives())
    async def list_models(request: Request, executor: Executor = "") -> Response:
        found = await ask(request, "ListModels", executor=executor)
        assert isinstance(found, model_pb2.ListModelsResponse)
        listed = [plain.message(each, always=_ALWAYS) for each in found.models]
        memory = {"memory_bytes": found.memory_bytes, "limit_bytes": found.memory_limit_bytes}
        return answers.told({"models": listed, **memory})

    @router.get(f"{_ROOT}/{{name}}", summary="One model", responses=gives())
    async def get(request: Request, name: NAME, executor: Executor = "") -> Response:
        return await told(request, "GetModel", name=name, executor=executor)

    @router.post(
        f"{_ROOT}/{{name}}/load",
        summary="Load a model, for which others may be unloaded",
        responses=gives(),
    )
    async def load(request: Request, name: NAME, executor: Executor = "") -> Response:
        return await told(request, "LoadModel", name=name, executor=executor)

    @router.post(
        f"{_ROOT}/{{name}}/unload",
        summary="Unload a model when its calls have ended",
        responses=gives(),
    )
    async def unload(request: Request, name: NAME, executor: Executor = "") -> Response:
        return await told(request, "UnloadModel", name=name, executor=executor)

    return router


_ONE = (
    model_pb2.GetModelResponse,
    model_pb2.LoadModelResponse,
    model_pb2.UnloadModelResponse,
)

"""Routes that tell what can be computed, and whether the gateway is well."""

from __future__ import annotations

from typing import Annotated

from edgemesh.compute.v1 import algorithm_pb2
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from edgemesh_gateway.rest import answers, asking, plain
from edgemesh_gateway.rest.compute import NAME
from edgemesh_gateway.rest.desk import PREFIX, Desk, gives
from edgemesh_gateway.rest.problem import Fault


def routes(desk: Desk) -> APIRouter:
    """Algorithms and health."""
    router = APIRouter()

    @router.get(
        f"{PREFIX}/algorithms", tags=["algorithms"], summary="All algorithms", responses=gives()
    )
    async def list_algorithms(
        request: Request, namespace: Annotated[str, Query(max_length=64)] = ""
    ) -> Response:
        found = await desk.listed(namespace, asking.caller(request))
        return answers.told({"algorithms": [plain.message(each) for each in found]})

    @router.get(
        f"{PREFIX}/algorithms/{{name}}",
        tags=["algorithms"],
        summary="One algorithm, with the schemas of its parameters and result",
        responses=gives(),
    )
    async def get_algorithm(request: Request, name: NAME) -> Response:
        found: algorithm_pb2.OfferedAlgorithm = await desk.offered(name, asking.caller(request))
        return answers.told(plain.message(found))

    @router.get("/livez", tags=["health"], summary="Whether it runs", responses=gives())
    async def livez() -> Response:
        return answers.told({"status": "alive"})

    @router.get("/readyz", tags=["health"], summary="Whether it takes work", responses=gives())
    async def readyz() -> Response:
        if not desk.ready():
            raise Fault(503, "NOT_READY", "no new work is taken now", Retry_After="1")
        return answers.told({"status": "ready"})

    return router

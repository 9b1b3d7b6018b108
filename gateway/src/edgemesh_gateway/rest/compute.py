"""Routes that compute: any algorithm by its name, and each by a path of its own.

`POST /api/v1/compute/{algorithm}` takes parameters and inputs apart, as the contract has them.
`POST /api/v1/{namespace}/{name}` takes them side by side: what the algorithm lists as an input is a
tensor, `tensors` holds those of any other name, `options` what is neither, and all else is a
parameter.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from edgemesh_gateway.rest import arrays, asking, models
from edgemesh_gateway.rest.asking import Ask
from edgemesh_gateway.rest.body import Body, join
from edgemesh_gateway.rest.desk import PREFIX, WANTED, Desk, computes, takes
from edgemesh_gateway.rest.models import ComputeBody, NamedBody

NAMESPACE = Annotated[str, Path(pattern="^[a-z][a-z0-9_]*$", max_length=64)]
NAME = Annotated[str, Path(max_length=255)]


def routes(desk: Desk) -> APIRouter:
    """Those that name an algorithm freely."""
    router = APIRouter(tags=["compute"])

    @router.post(
        f"{PREFIX}/compute/{{algorithm}}",
        summary="Run an algorithm",
        responses=computes(),
        openapi_extra={**takes(ComputeBody, form=True), "parameters": WANTED},
    )
    async def compute(request: Request, algorithm: NAME) -> Response:
        body = await desk.bodies.read(request)
        read = models.read(ComputeBody, body.fields)
        return await desk.computing.answer(request, await asked(algorithm, read, body))

    return router


def twins(desk: Desk) -> APIRouter:
    """Those that are an algorithm's own; to be added last, since they match much."""
    router = APIRouter(tags=["compute"])

    @router.post(
        f"{PREFIX}/{{namespace}}/{{name}}",
        summary="Run an algorithm, parameters and inputs side by side",
        responses=computes(),
        openapi_extra={**takes(NamedBody, form=True), "parameters": WANTED},
    )
    async def run(request: Request, namespace: NAMESPACE, name: NAME) -> Response:
        body = await desk.bodies.read(request)
        return await named(desk, request, f"{namespace}.{name}", body)

    return router


async def asked(algorithm: str, read: ComputeBody, body: Body) -> Ask:
    """A body that has parameters and inputs apart. Raises InvalidRequest."""
    # Off the loop: of a large body there is much to convert.
    inputs = await asyncio.to_thread(arrays.parse_all, "inputs", read.inputs)
    return asking.ask(algorithm, read, read.parameters, join(inputs, body.files))


async def named(desk: Desk, request: Request, algorithm: str, body: Body) -> Response:
    """Answer a body that has them side by side. Raises MeshError, AioRpcError, Fault."""
    return await desk.computing.answer(request, await beside(desk, request, algorithm, body))


async def beside(desk: Desk, request: Request, algorithm: str, body: Body) -> Ask:
    """A body that has them side by side. Raises MeshError."""
    read = models.read(NamedBody, body.fields)
    offered = await desk.offered(algorithm, asking.caller(request, read.options.deadline_ms))
    listed = {spec.name for spec in offered.algorithm.inputs}
    rest: dict[str, Any] = dict(read.model_extra or {})
    tensors = {name: rest.pop(name) for name in list(rest) if name in listed}
    inputs = await asyncio.to_thread(arrays.parse_all, "inputs", tensors)
    others = await asyncio.to_thread(arrays.parse_all, "tensors", read.tensors)
    return asking.ask(algorithm, read.options, rest, join(join(inputs, others), body.files))

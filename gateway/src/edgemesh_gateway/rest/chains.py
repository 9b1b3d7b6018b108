"""Routes of chains: jobs that are handed in together, some of which take what others give."""

from __future__ import annotations

from typing import Annotated

from edgemesh.compute.v1 import chain_pb2
from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from edgemesh_gateway.chains.service import SERVICE
from edgemesh_gateway.rest import answers, asking, jobs, models, plain
from edgemesh_gateway.rest.body import Body
from edgemesh_gateway.rest.desk import PREFIX, Desk, gives, takes
from edgemesh_gateway.rest.models import ChainBody, StepBody
from edgemesh_gateway.rest.service import Service

ROOT = f"{PREFIX}/chains"
ID = Annotated[str, Path(max_length=128)]
_ALWAYS = ("id", "state", "created_ms", "steps")


def told(chain: chain_pb2.Chain, status: int = 200) -> Response:
    """A chain, as JSON."""
    more = {"Location": f"{ROOT}/{chain.id}"} if status == 201 else {}
    return answers.told(plain.message(chain, always=_ALWAYS), status, **more)


def routes(desk: Desk) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["chains"])
    service = Service(desk, SERVICE)

    @router.post(
        ROOT,
        summary="Hand in a chain; when this answers, all of it is on disk",
        status_code=201,
        responses=gives(201, "It is kept"),
        openapi_extra=takes(ChainBody),
    )
    async def submit(request: Request) -> Response:
        body = models.read(ChainBody, (await desk.bodies.read(request)).fields)
        steps = [await _step(each) for each in body.steps]
        asked = asking.build(chain_pb2.SubmitChainRequest, request_id=body.request_id, steps=steps)
        kind = chain_pb2.SubmitChainResponse
        return told((await service.call(request, "SubmitChain", asked, kind)).chain, 201)

    _one(router, service)
    return router


def _one(router: APIRouter, service: Service) -> None:
    @router.get(f"{ROOT}/{{id}}", summary="A chain and its jobs", responses=gives())
    async def get(request: Request, id: ID) -> Response:
        asked = asking.build(chain_pb2.GetChainRequest, id=id)
        kind = chain_pb2.GetChainResponse
        return told((await service.call(request, "GetChain", asked, kind)).chain)

    @router.get(
        f"{ROOT}/{{id}}/wait",
        summary="A chain when all its jobs have ended, or after a time",
        responses=gives(),
    )
    async def wait(
        request: Request, id: ID, timeout_ms: Annotated[int, Query(ge=0, le=3_600_000)] = 20_000
    ) -> Response:
        asked = asking.build(chain_pb2.WaitChainRequest, id=id, timeout_ms=max(timeout_ms, 1))
        kind = chain_pb2.WaitChainResponse
        return told((await service.call(request, "WaitChain", asked, kind)).chain)

    @router.post(f"{ROOT}/{{id}}/cancel", summary="Ask for the end of all", responses=gives())
    async def cancel(request: Request, id: ID) -> Response:
        asked = asking.build(chain_pb2.CancelChainRequest, id=id)
        kind = chain_pb2.CancelChainResponse
        return told((await service.call(request, "CancelChain", asked, kind)).chain)

    @router.delete(
        f"{ROOT}/{{id}}",
        summary="Forget a chain that has ended, and its jobs",
        status_code=204,
        responses=gives(204, "There is none", {}),
    )
    async def delete(request: Request, id: ID) -> Response:
        asked = asking.build(chain_pb2.DeleteChainRequest, id=id)
        await service.call(request, "DeleteChain", asked, chain_pb2.DeleteChainResponse)
        return Response(status_code=204)


async def _step(read: StepBody) -> chain_pb2.ChainStep:
    """A step as the contract's message. Raises InvalidRequest."""
    made = asking.build(
        chain_pb2.ChainStep,
        name=read.name,
        job=await jobs.submission(read.job, Body({})),
        after=read.after,
        inputs={
            name: asking.build(chain_pb2.OutputOf, step=of.step, output=of.output)
            for name, of in read.inputs.items()
        },
        parameters={
            name: asking.build(chain_pb2.ResultOf, step=of.step, pointer=of.pointer)
            for name, of in read.parameters.items()
        },
    )
    return made

"""Routes of sessions: Python that goes on from call to call.

A call goes on in one by `options.session_id` (`session_id` where parameters and inputs are apart).
"""

from __future__ import annotations

from typing import Annotated, Any

from edgemesh.compute.v1 import session_pb2
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from edgemesh_gateway.rest import answers, models, plain
from edgemesh_gateway.rest.compute import NAME
from edgemesh_gateway.rest.desk import PREFIX, Desk, gives, takes
from edgemesh_gateway.rest.models import ForkBody, ResetBody, SessionBody, UndoBody
from edgemesh_gateway.rest.service import Service

_ROOT = f"{PREFIX}/sessions"
_NAME = session_pb2.DESCRIPTOR.services_by_name["SessionService"].full_name
_BYTES = "application/octet-stream"
Executor = Annotated[str, Query(max_length=128)]


class _Service(Service):
    """SessionService."""

    async def told(
        self, request: Request, method: str, status: int = 200, **fields: Any
    ) -> Response:
        """What it answers, as JSON; a session as its fields."""
        answer = await self.ask(request, method, **fields)
        session = answer.session if isinstance(answer, _ONE_SESSION) else answer
        return answers.told(plain.message(session), status)


_ONE_SESSION = (
    session_pb2.CreateSessionResponse,
    session_pb2.GetSessionResponse,
    session_pb2.ForkSessionResponse,
    session_pb2.ResetSessionResponse,
    session_pb2.UndoSessionResponse,
    session_pb2.ImportSessionResponse,
)


def routes(desk: Desk) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["sessions"])
    service = _Service(desk, _NAME)
    _whole(router, desk, service)
    _changes(router, desk, service)
    return router


def _whole(router: APIRouter, desk: Desk, service: _Service) -> None:
    @router.get(_ROOT, summary="The caller's sessions", responses=gives())
    async def list_sessions(
        request: Request,
        executor: Executor = "",
        page_size: Annotated[int, Query(ge=0, le=1000)] = 0,
        after: Annotated[str, Query(max_length=128)] = "",
    ) -> Response:
        found = await service.ask(
            request, "ListSessions", executor=executor, page_size=page_size, after=after
        )
        return answers.told(plain.message(found, always=("sessions",)))

    @router.post(
        _ROOT,
        summary="Make an empty session",
        status_code=201,
        responses=gives(201, "It is made"),
        openapi_extra=takes(SessionBody),
    )
    async def create(request: Request) -> Response:
        body = models.read(SessionBody, (await desk.bodies.read(request)).fields)
        return await service.told(request, "CreateSession", 201, **body.model_dump())

    @router.get(f"{_ROOT}/{{session_id}}", summary="One session", responses=gives())
    async def get(request: Request, session_id: NAME, executor: Executor = "") -> Response:
        return await service.told(request, "GetSession", session_id=session_id, executor=executor)

    @router.delete(
        f"{_ROOT}/{{session_id}}",
        summary="Delete a session",
        status_code=204,
        responses=gives(204, "There is none", {}),
    )
    async def delete(request: Request, session_id: NAME, executor: Executor = "") -> Response:
        await service.ask(request, "DeleteSession", session_id=session_id, executor=executor)
        return Response(status_code=204)

    @router.get(
        f"{_ROOT}/{{session_id}}/variables", summary="The names that it has", responses=gives()
    )
    async def variables(request: Request, session_id: NAME, executor: Executor = "") -> Response:
        found = await service.ask(
            request, "InspectSession", session_id=session_id, executor=executor
        )
        return answers.told(plain.message(found, always=("variables",)))


def _changes(router: APIRouter, desk: Desk, service: _Service) -> None:
    @router.post(
        f"{_ROOT}/{{session_id}}/fork",
        summary="Make another session that has all that this one has",
        status_code=201,
        responses=gives(201, "It is made"),
        openapi_extra=takes(ForkBody),
    )
    async def fork(request: Request, session_id: NAME) -> Response:
        body = models.read(ForkBody, (await desk.bodies.read(request)).fields)
        fields = body.model_dump()
        return await service.told(request, "ForkSession", 201, session_id=session_id, **fields)

    @router.post(
        f"{_ROOT}/{{session_id}}/reset",
        summary="Make it empty again",
        responses=gives(),
        openapi_extra=takes(ResetBody),
    )
    async def reset(request: Request, session_id: NAME) -> Response:
        body = models.read(ResetBody, (await desk.bodies.read(request)).fields)
        return await service.told(
            request, "ResetSession", session_id=session_id, executor=body.executor
        )

    @router.post(
        f"{_ROOT}/{{session_id}}/undo",
        summary="Take back its last calls",
        responses=gives(),
        openapi_extra=takes(UndoBody),
    )
    async def undo(request: Request, session_id: NAME) -> Response:
        body = models.read(UndoBody, (await desk.bodies.read(request)).fields)
        fields = body.model_dump()
        return await service.told(request, "UndoSession", session_id=session_id, **fields)

    @router.get(
        f"{_ROOT}/{{session_id}}/export",
        summary="All of it as bytes",
        responses=gives(content={_BYTES: {"schema": {"type": "string", "format": "binary"}}}),
    )
    async def export(request: Request, session_id: NAME, executor: Executor = "") -> Response:
        found = await service.ask(
            request, "ExportSession", session_id=session_id, executor=executor
        )
        assert isinstance(found, session_pb2.ExportSessionResponse)
        return Response(found.data, 200, None, _BYTES)

    @router.put(
        f"{_ROOT}/{{session_id}}/import",
        summary="Make a session of what export gave",
        status_code=201,
        responses=gives(201, "It is made"),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {_BYTES: {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    )
    async def import_(request: Request, session_id: NAME, executor: Executor = "") -> Response:
        data = await desk.bodies.bytes(request)
        return await service.told(
            request, "ImportSession", 201, session_id=session_id, executor=executor, data=data
        )

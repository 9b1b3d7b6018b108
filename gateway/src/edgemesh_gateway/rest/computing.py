"""Computes for HTTP: once, or as a stream of events.

Rules: a stream's first event is waited for before anything is answered, so that what is refused is
refused with its status; what goes wrong later is the stream's last event, `error`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

import grpc
from edgemesh.compute.v1 import compute_pb2
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from edgemesh_gateway import gateway, passing
from edgemesh_gateway.rest import answers, asking, plain, problem
from edgemesh_gateway.rest.asking import Ask, Wanted
from edgemesh_gateway.rest.caller import Caller, Core
from edgemesh_gateway.rest.presence import until_gone, while_there
from edgemesh_gateway.rest.problem import Fault
from mesh_service.errors import MeshError

COMPUTE = f"{gateway.SERVICE}/Compute"
STREAM = f"{gateway.SERVICE}/ComputeStream"
Render = Callable[[compute_pb2.ComputeEvent], bytes]


class Computing:
    """Answers requests for work."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def answer(self, request: Request, ask: Ask) -> Response:
        """The answer in the form that the caller accepts. Raises MeshError, AioRpcError, Fault."""
        wanted = asking.wanted(request)
        if wanted.media_type == asking.EVENTS:
            return await self.events(request, ask, lambda event: _event(event, wanted))
        raw = await self.once(request, ask)
        return await answers.computed(raw, wanted)

    async def once(self, request: Request, ask: Ask) -> bytes:
        """A ComputeResponse."""
        caller = asking.caller(request, ask.deadline_ms)
        message = ask.message.SerializeToString()
        return await while_there(request, self._core.raw(COMPUTE, message, caller))

    async def events(self, request: Request, ask: Ask, render: Render) -> EventStream:
        """A stream of events as `render` writes them. Raises as `answer` does, before it begins."""
        caller = asking.caller(request, ask.deadline_ms)
        return await begun(request, self.pieces(ask, caller, render), caller.request_id)

    async def pieces(self, ask: Ask, caller: Caller, render: Render) -> AsyncGenerator[bytes]:
        """Each event as `render` writes it."""
        message = ask.message.SerializeToString()
        async with self._core.stream(STREAM, message, caller) as messages:
            async for each in messages:
                yield render(passing.read(compute_pb2.ComputeEvent, each, "of the algorithm"))


class EventStream(Response):
    """Pieces as they come, until their end or until the caller leaves."""

    def __init__(self, pieces: AsyncGenerator[bytes], first: bytes | None, request_id: str) -> None:
        headers = {
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
            "Edgemesh-Request-Id": request_id,
        }
        super().__init__(None, 200, headers, asking.EVENTS)
        del self.headers["content-length"]
        self._pieces, self._first, self._request_id = pieces, first, request_id
        self.closing: bytes = b""
        """What is written after the last piece, when all went well."""
        self.fault: Callable[[BaseException], bytes] = self._fault
        """What is written when something goes wrong."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await until_gone(receive, self._send(send))
        except MeshError:
            pass  # The caller has left.
        finally:
            await self._pieces.aclose()

    async def _send(self, send: Send) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        async for piece in self._all():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _all(self) -> AsyncIterator[bytes]:
        try:
            if self._first is not None:
                yield self._first
            async for piece in self._pieces:
                yield piece
            yield self.closing
        except (MeshError, grpc.aio.AioRpcError, Fault) as error:
            yield self.fault(error)

    def _fault(self, error: BaseException) -> bytes:
        return answers.sse("error", problem.of(error, self._request_id).body())


async def begun(request: Request, pieces: AsyncGenerator[bytes], request_id: str) -> EventStream:
    """A stream whose first piece is there. Raises what goes wrong until then."""
    try:
        first = await while_there(request, _first(pieces))
    except BaseException:
        await pieces.aclose()
        raise
    return EventStream(pieces, first, request_id)


async def _first(pieces: AsyncGenerator[bytes]) -> bytes | None:
    async for piece in pieces:
        return piece
    return None


def _event(event: compute_pb2.ComputeEvent, wanted: Wanted) -> bytes:
    kind, content = plain.event(event, wanted.tensors)
    told: dict[str, Any] = content
    return answers.sse(kind, told, event.sequence)

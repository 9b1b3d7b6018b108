"""One HTTP request of the protocol, from its body to its answer.

Rules: it has a manager of its own, so that all that it started has ended when it has; when its
caller leaves, it is cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from edgemesh_gateway.rest.desk import Desk
from edgemesh_gateway.rest.mcp import server
from edgemesh_gateway.rest.presence import until_gone
from mesh_service.errors import Cancelled


class Serving:
    """What answers."""

    def __init__(self, desk: Desk, version: str) -> None:
        self._server = server.make(desk, version)

    def answer(self, given: bytes) -> Response:
        """The answer to a body."""
        return Exchange(self._server, given)


class Exchange(Response):
    """What the protocol's package answers to a body."""

    def __init__(self, serving: Server[Any], given: bytes) -> None:
        super().__init__()
        self._serving, self._given = serving, given

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        with contextlib.suppress(Cancelled):  # The caller has left.
            await until_gone(receive, self._answer(scope, send))

    async def _answer(self, scope: Scope, send: Send) -> None:
        told = False

        async def receive() -> Message:
            nonlocal told
            if told:
                # That the caller leaves is seen from outside.
                await asyncio.Event().wait()
            told = True
            return {"type": "http.request", "body": self._given, "more_body": False}

        manager = StreamableHTTPSessionManager(
            self._serving, stateless=True, max_request_body_size=max(1, len(self._given))
        )
        async with manager.run():
            await manager.handle_request(scope, receive, send)

"""The path of the protocol. Its package is imported by the first request that there is.

Rules: who shows nothing that is believed gets 401 before anything is parsed; a body is read as
REST's are, within the same bounds.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from edgemesh_gateway.rest import asking
from edgemesh_gateway.rest.desk import NOBODY, Desk

if TYPE_CHECKING:
    from edgemesh_gateway.rest.mcp.exchange import Serving

PATH = "/mcp"


def routes(desk: Desk, version: str) -> APIRouter:
    """The one there is."""
    router = APIRouter()
    importing = asyncio.Lock()

    @cache
    def serving() -> Serving:
        # Half as much again as all of REST: who has no use for it does not wait for it.
        from edgemesh_gateway.rest.mcp.exchange import Serving

        return Serving(desk, version)

    @router.post(PATH, include_in_schema=False)
    async def exchange(request: Request) -> Response:
        await desk.listed(NOBODY, asking.caller(request))
        given = await desk.bodies.bytes(request, desk.most_json)
        async with importing:
            found = await asyncio.to_thread(serving)
        return found.answer(given)

    return router

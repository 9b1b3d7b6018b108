"""What stands before every path: who may ask from where, ids, and the last word on errors.

Rules: a page of another site that is open in a user's browser must not reach a gateway on that
user's machine: a request that names an origin is refused unless the origin is on the operator's
list, and so is, where no identity is needed, one whose Host is not this gateway's own (a name that
was made to point here). Nothing that goes wrong here is told with a traceback.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edgemesh_gateway.rest import asking, dialect, problem
from edgemesh_gateway.rest.problem import Fault
from mesh_service import errors, logs
from mesh_service.stack import new_request_id

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Guard:
    """ASGI around the application."""

    def __init__(self, app: ASGIApp, origins: Sequence[str], hosts: frozenset[str] | None) -> None:
        """`origins` that may ask; `hosts` that requests may name, None: any."""
        self._app = app
        self._origins = frozenset(origins)
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope["edgemesh.arrived"] = time.monotonic()
        connection = HTTPConnection(scope)
        request_id = asking.request_id(connection)
        began = False

        async def telling(message: Message) -> None:
            nonlocal began
            if message["type"] in ("http.response.start", "websocket.accept"):
                began = True
                headers = MutableHeaders(raw=list(message.get("headers", [])))
                headers.setdefault("Edgemesh-Request-Id", request_id)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                message["headers"] = headers.raw
            await send(message)

        try:
            self._check(Headers(scope=scope))
            await self._app(scope, receive, telling)
        except Fault as fault:
            found = problem.of(fault, request_id)
            await dialect.refused(scope["path"], found)(scope, receive, telling)
        except Exception as error:
            inside = errors.Internal(new_request_id()[:12])
            logs.event(
                "internal error",
                level=logging.ERROR,
                exc_info=error,
                error_id=inside.error_id,
                request_id=request_id,
            )
            if began or scope["type"] != "http":
                raise ConnectionAbortedError from None
            found = problem.of(inside, request_id)
            await dialect.refused(scope["path"], found)(scope, receive, telling)

    def _check(self, headers: Headers) -> None:
        origin = headers.get("origin")
        if origin is not None and origin not in self._origins:
            raise Fault(403, "ORIGIN_REFUSED", "requests of other sites' pages are not taken")
        if self._hosts is not None and _name(headers.get("host", "")) not in self._hosts:
            raise Fault(421, "HOST_REFUSED", "the Host is none of this gateway's own")


def own_hosts(host: str) -> frozenset[str]:
    """What a Host may be called where a gateway binds `host`, a loopback address."""
    return _LOOPBACK | {f"[{host}]" if ":" in host else host}


def _name(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower()

"""What stands before every page: who may ask, and what a page may load.

Rules: a page of another site that is open in a user's browser must not reach this one: a request
that names an origin is refused unless it is this dashboard's own, and so is one for a host that is
not (a name that was made to point here). A page loads nothing from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """ASGI around the application."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        """`hosts`: names that requests may be for, beside loopback's."""
        self._app = app
        self._hosts = LOOPBACK | {name.lower() for name in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        problem = self._problem(Headers(scope=scope))
        if problem:
            refusal: ASGIApp = PlainTextResponse(problem, 403)
            if scope["type"] == "websocket":
                refusal = WebSocketClose(1008, problem)
            await refusal(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message.get("headers", [])))
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                message["headers"] = headers.raw
            await send(message)

        await self._app(scope, receive, with_headers)

    def _problem(self, headers: Headers) -> str:
        host = headers.get("host", "").lower()
        if _name(host) not in self._hosts:
            return f"host {host!r} is not this dashboard's: EDGEMESH_DASHBOARD_HOSTS has its names"
        origin = headers.get("origin", "").lower()
        if origin and origin.partition("://")[2] != host:
            return f"origin {origin!r} is another site's"
        return ""


def _name(host: str) -> str:
    """Without its port."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host

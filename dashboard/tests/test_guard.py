"""Who may ask: a page of another site, and a name that was made to point here, may not."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from edgemesh_dashboard.guard import Guard


async def hello(_: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1:8090", "", 200),
        ("[::1]:8090", "", 200),
        ("mesh.example:443", "", 200),
        ("mesh.example", "https://mesh.example", 200),
        ("localhost:8090", "http://localhost:8090", 200),
        ("evil.example:8090", "", 403),
        ("127.0.0.1:8090", "http://evil.example", 403),
        ("127.0.0.1:8090", "null", 403),
    ],
)
async def test_host_and_origin(host: str, origin: str, status: int) -> None:
    guarded = Guard(Starlette(routes=[Route("/", hello)]), {"mesh.example"})
    headers = {"Host": host} | ({"Origin": origin} if origin else {})
    transport = httpx.ASGITransport(app=guarded)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
        answer = await http.get("/", headers=headers)
    assert answer.status_code == status
    if status == 200:
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]

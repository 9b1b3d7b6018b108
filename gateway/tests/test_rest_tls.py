"""REST speaks the TLS that gRPC speaks, and is as open as gRPC is."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from certificates import Authority
from fake_executor import FakeExecutor
from house import eventually, http, serving

from mesh_service.server import MeshServer

ECHO = "/api/v1/compute/fake.echo"
Shown = tuple[bytes, bytes]


@asynccontextmanager
async def gateway(
    fake: FakeExecutor, folder: Path, authority: Authority, **settings: Any
) -> AsyncGenerator[MeshServer]:
    pair = authority.write(folder, "gateway")
    async with serving({"fake": fake.port}, rest_port=0, **pair, **settings) as mesh:
        yield mesh


@asynccontextmanager
async def client(
    mesh: MeshServer, authority: Authority, folder: Path, shown: Shown | None = None
) -> AsyncGenerator[httpx.AsyncClient]:
    """One who trusts an authority, on connections of its own."""
    context = ssl.create_default_context(cadata=authority.pem.decode())
    if shown is not None:
        (folder / "shown.pem").write_bytes(b"".join(shown))
        context.load_cert_chain(folder / "shown.pem")
    port = mesh.http_address.rpartition(":")[2]
    async with httpx.AsyncClient(
        base_url=f"https://localhost:{port}", timeout=20, verify=context
    ) as made:
        yield made


async def test_certificates_that_change_are_seen(fake: FakeExecutor, tmp_path: Path) -> None:
    before, after = Authority(), Authority("another")
    async with gateway(fake, tmp_path, before) as mesh:
        async with client(mesh, before, tmp_path) as web:
            assert (await web.post(ECHO, json={})).status_code == 200
        after.write(tmp_path, "gateway")
        seen = False

        async def look() -> None:
            nonlocal seen
            async with client(mesh, after, tmp_path) as web:
                try:
                    seen = (await web.post(ECHO, json={})).status_code == 200
                except httpx.ConnectError:
                    seen = False

        for _ in range(200):
            await look()
            if seen:
                break
        assert seen


async def test_who_shows_no_certificate_gets_nothing(fake: FakeExecutor, tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "callers.pem").write_bytes(authority.pem)
    settings = {"tls_client_ca": tmp_path / "callers.pem"}
    async with gateway(fake, tmp_path, authority, **settings) as mesh:
        for shown in (None, Authority("stranger").issue("physics")):
            async with client(mesh, authority, tmp_path, shown) as web:
                with pytest.raises(httpx.TransportError):
                    await web.post(ECHO, json={})
        # A certificate opens the connection; who calls by HTTP, a bearer says.
        async with client(mesh, authority, tmp_path, authority.issue("physics")) as web:
            answer = await web.post(ECHO, json={})
            assert (answer.status_code, answer.json()["reason"]) == (401, "UNAUTHENTICATED")
    assert not fake.began


async def test_where_callers_say_who_they_are_any_host_may_be_named(fake: FakeExecutor) -> None:
    async with serving({"fake": fake.port}, rest_port=0, identity="required") as mesh:
        await eventually(lambda: bool(mesh.http_address))
        async with http(mesh, Host="mesh.lab.example") as web:
            answer = await web.post(ECHO, json={})
    assert (answer.status_code, answer.json()["reason"]) == (401, "UNAUTHENTICATED")

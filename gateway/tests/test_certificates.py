"""Callers' certificates, and certificates that change while the gateway serves; on both paths."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from certificates import Authority
from edgemesh.compute.v1 import compute_pb2_grpc
from fake_executor import FakeExecutor
from house import refused, request, serving

from edgemesh_gateway.settings import GatewaySettings
from mesh_service.server import MeshServer
from mesh_service.settings import SettingsError

NAME = (("grpc.ssl_target_name_override", "localhost"),)
Pair = tuple[bytes, bytes]


@asynccontextmanager
async def caller(
    mesh: MeshServer, trusted: bytes, shown: Pair | None = None
) -> AsyncGenerator[Any]:
    """ComputeService on a new connection, for one who trusts an authority and shows a pair."""
    chain, key = shown or (None, None)
    credentials = grpc.ssl_channel_credentials(trusted, key, chain)
    options = [*NAME, ("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.secure_channel(mesh.address, credentials, options) as channel:
        yield compute_pb2_grpc.ComputeServiceStub(channel)


@asynccontextmanager
async def mutual(fake: FakeExecutor, folder: Path, **settings: Any) -> AsyncGenerator[Any]:
    """A gateway that demands certificates, and the authority of all."""
    authority = Authority()
    (folder / "callers.pem").write_bytes(authority.pem)
    pair = authority.write(folder, "gateway")
    given: dict[str, Any] = {**pair, "tls_client_ca": folder / "callers.pem", **settings}
    async with serving({"fake": fake.port}, **given) as mesh:
        yield mesh, authority


async def test_the_subject_is_the_tenant(fake: FakeExecutor, tmp_path: Path, datapath: str) -> None:
    async with mutual(fake, tmp_path) as (mesh, authority):
        for tenant in ("physics", "chemistry"):
            async with caller(mesh, authority.pem, authority.issue(tenant)) as compute:
                for _ in range(3):
                    seen = json.loads((await compute.Compute(request(), timeout=20)).result)
                    assert seen["edgemesh-tenant"] == tenant
                # The first is looked at by Python, the rest are known to the data path.
                assert ("user-agent" in fake.metadata) is (datapath == "python")
                assert "edgemesh-certificate" not in fake.metadata


async def test_a_certificate_that_names_no_tenant(fake: FakeExecutor, tmp_path: Path) -> None:
    async with mutual(fake, tmp_path) as (mesh, authority):
        for names in (("a b",), ("physics", "chemistry"), ()):
            async with caller(mesh, authority.pem, authority.issue(*names)) as compute:
                refusal = await refused(compute.Compute(request(), timeout=20))
                assert refusal.code is grpc.StatusCode.UNAUTHENTICATED


async def test_who_shows_none_or_anothers_gets_nothing(fake: FakeExecutor, tmp_path: Path) -> None:
    async with mutual(fake, tmp_path) as (mesh, authority):
        strangers = Authority("stranger").issue("physics")
        gone = authority.issue("physics", seconds=-60)
        for shown in (None, strangers, gone):
            async with caller(mesh, authority.pem, shown) as compute:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await compute.Compute(request(), timeout=5)
                assert caught.value.code() in (
                    grpc.StatusCode.UNAVAILABLE,
                    grpc.StatusCode.DEADLINE_EXCEEDED,
                )
    assert not fake.began


async def test_a_key_goes_before_a_certificate(fake: FakeExecutor, tmp_path: Path) -> None:
    keys = tmp_path / "keys.toml"
    digest = hashlib.sha256(b"the key").hexdigest()
    keys.write_text(f'[[keys]]\ntenant = "biology"\nsha256 = "{digest}"\n')
    async with (
        mutual(fake, tmp_path, api_keys=keys) as (mesh, authority),
        caller(mesh, authority.pem, authority.issue("physics")) as compute,
    ):
        await compute.Compute(request(), timeout=20)
        given = (("authorization", "Bearer the key"),)
        seen = json.loads((await compute.Compute(request(), metadata=given, timeout=20)).result)
        assert seen["edgemesh-tenant"] == "biology"
        for wrong in ("Bearer another", "Basic x", ""):
            call = compute.Compute(request(), metadata=(("authorization", wrong),), timeout=20)
            assert (await refused(call)).code is grpc.StatusCode.UNAUTHENTICATED


async def test_a_header_is_no_certificate(fake: FakeExecutor) -> None:
    authority = Authority()
    pem, _ = authority.issue("physics")
    body = b"".join(line for line in pem.splitlines() if b"-----" not in line)
    assert base64.b64decode(body)
    forged = (("edgemesh-certificate", body.decode()),)
    async with (
        serving({"fake": fake.port}, identity="required") as mesh,
        grpc.aio.insecure_channel(mesh.address) as channel,
    ):
        compute: Any = compute_pb2_grpc.ComputeServiceStub(channel)
        refusal = await refused(compute.Compute(request(), metadata=forged, timeout=20))
        assert refusal.code is grpc.StatusCode.UNAUTHENTICATED
    assert not fake.began


async def test_new_connections_see_a_new_certificate(fake: FakeExecutor, tmp_path: Path) -> None:
    before, after = Authority("before"), Authority("after")
    pair: dict[str, Any] = before.write(tmp_path, "gateway")
    async with serving({"fake": fake.port}, **pair) as mesh:
        async with caller(mesh, before.pem) as old:
            await old.Compute(request(), timeout=20)
            # While only one of both is there it changes nothing.
            (tmp_path / "certificate.pem").write_bytes(after.issue("gateway")[0])
            registry = mesh.metrics.registry
            labels = {"file": "certificates"}
            async with asyncio.timeout(20):
                while not registry.get_sample_value("edgemesh_reload_refused", labels):
                    async with caller(mesh, before.pem) as fresh:
                        await fresh.Compute(request(), timeout=20)
            after.write(tmp_path, "gateway")
            await until_trusted(mesh, after.pem)
            # Who is connected stays so.
            await old.Compute(request(), timeout=20)
        async with caller(mesh, before.pem) as compute:
            with pytest.raises(grpc.aio.AioRpcError):
                await compute.Compute(request(), timeout=5)


async def test_authorities_change_too(fake: FakeExecutor, tmp_path: Path) -> None:
    async with mutual(fake, tmp_path) as (mesh, authority):
        other = Authority("other")
        shown = other.issue("physics")
        (tmp_path / "callers.pem").write_bytes(other.pem)
        await until_trusted(mesh, authority.pem, shown)
        async with caller(mesh, authority.pem, authority.issue("physics")) as compute:
            with pytest.raises(grpc.aio.AioRpcError):
                await compute.Compute(request(), timeout=5)


async def until_trusted(mesh: MeshServer, trusted: bytes, shown: Pair | None = None) -> None:
    async with asyncio.timeout(20):
        while True:
            async with caller(mesh, trusted, shown) as compute:
                try:
                    await compute.Compute(request(), timeout=5)
                except grpc.aio.AioRpcError as error:
                    if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                        raise
                else:
                    return


def test_authorities_need_a_certificate(tmp_path: Path) -> None:
    authority = Authority()
    path = tmp_path / "callers.pem"
    path.write_bytes(authority.pem)
    with pytest.raises(SettingsError, match=r"TLS_CLIENT_CA: goes with TLS_CERTIFICATE"):
        GatewaySettings(tls_client_ca=path).check()
    path.write_text("nothing")
    pair: dict[str, Any] = authority.write(tmp_path, "gateway")
    with pytest.raises(SettingsError, match=r"TLS_CERTIFICATE: .*callers\.pem"):
        GatewaySettings(tls_client_ca=path, **pair).check()

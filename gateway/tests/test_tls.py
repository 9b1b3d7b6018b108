"""TLS on the public port, on both data paths. The pair in tests/tls is for nothing else."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.x509 import load_pem_x509_certificates
from edgemesh.compute.v1 import compute_pb2, compute_pb2_grpc
from fake_executor import FakeExecutor
from house import request, serving

from edgemesh_gateway.settings import GatewaySettings
from mesh_service.settings import SettingsError

TLS = Path(__file__).parent / "tls"
PAIR: dict[str, Any] = {"tls_certificate": TLS / "certificate.pem", "tls_key": TLS / "key.pem"}


@asynccontextmanager
async def secured(fake: FakeExecutor, roots: bytes | None) -> AsyncGenerator[Any]:
    """ComputeService of a gateway with TLS, for one who trusts `roots`."""
    async with serving({"fake": fake.port}, **PAIR) as mesh:
        credentials = grpc.ssl_channel_credentials(roots)
        async with grpc.aio.secure_channel(mesh.address, credentials) as channel:
            yield compute_pb2_grpc.ComputeServiceStub(channel)


async def test_calls_come_through_tls(fake: FakeExecutor) -> None:
    async with secured(fake, PAIR["tls_certificate"].read_bytes()) as compute:
        response = await compute.Compute(request(), timeout=20, wait_for_ready=True)
        assert response.outcome == compute_pb2.OUTCOME_OK
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await compute.Compute(request(algorithm="fake.no"), timeout=20)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_who_does_not_trust_it_or_speaks_no_tls_gets_nothing(fake: FakeExecutor) -> None:
    async with secured(fake, None) as compute:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await compute.Compute(request(), timeout=5)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    async with (
        serving({"fake": fake.port}, **PAIR) as mesh,
        grpc.aio.insecure_channel(mesh.address) as channel,
    ):
        plain: Any = compute_pb2_grpc.ComputeServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError):
            await plain.Compute(request(), timeout=5)
    assert not fake.began


async def test_when_the_certificate_expires_is_a_metric(fake: FakeExecutor) -> None:
    name = "edgemesh_certificate_expires_seconds"
    async with serving({"fake": fake.port}, **PAIR) as mesh:
        (mine,) = load_pem_x509_certificates(PAIR["tls_certificate"].read_bytes())
        told = mesh.metrics.registry.get_sample_value(name)
        assert told == mine.not_valid_after_utc.timestamp()
    async with serving({"fake": fake.port}) as mesh:
        assert mesh.metrics.registry.get_sample_value(name) is None


WRONG: dict[str, tuple[dict[str, Path], str]] = {
    "no key": ({"tls_certificate": PAIR["tls_certificate"]}, "both or neither"),
    "no certificate": ({"tls_key": PAIR["tls_key"]}, "both or neither"),
    "another's key": ({**PAIR, "tls_key": TLS / "another_key.pem"}, "another_key.pem"),
    "no such file": ({**PAIR, "tls_key": TLS / "nothing.pem"}, "nothing.pem"),
    "no certificate in it": ({**PAIR, "tls_certificate": TLS / "key.pem"}, "key.pem"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_pair_that_cannot_work_is_refused(what: str) -> None:
    settings, expected = WRONG[what]
    with pytest.raises(SettingsError, match=r"EDGEMESH_GATEWAY_TLS_CERTIFICATE") as caught:
        GatewaySettings(**settings).check()  # pyright: ignore[reportArgumentType]
    assert expected in str(caught.value)

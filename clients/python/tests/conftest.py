"""One mesh for the whole session, and clients of it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from edgemesh_client import AsyncClient, Client
from edgemesh_local.mesh import Mesh

EXECUTORS = ("cpp", "ml", "pywasm")
WEBHOOK_SECRET = "whsec_" + 32 * "A"


def chosen() -> tuple[str, ...]:
    """The executors under test: all, or those that EXECUTORS names."""
    named = os.environ.get("EXECUTORS", "")
    return tuple(name for name in named.split(",") if name) or EXECUTORS


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what needs an executor that is not under test."""
    for item in items:
        for marker in item.iter_markers("needs"):
            if missing := set(marker.args) - set(chosen()):
                item.add_marker(pytest.mark.skip(reason=f"not under test: {', '.join(missing)}"))


@pytest.fixture(scope="session")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mesh]:
    """The mesh; a small one."""
    folder = tmp_path_factory.mktemp("mesh")
    settings: dict[str, dict[str, str]] = {
        name: {"WORKERS": "1", "SPARES": "0"} for name in chosen()
    }
    if "pywasm" in settings:
        settings["pywasm"] |= {
            "WORKERS": "2",
            "SESSION_DIR": str(folder / "sessions"),
            # The index that builds have here may be a mirror in a network that is not public.
            "FETCH_NETWORKS": '["0.0.0.0/0", "::/0"]',
        }
    secrets = folder / "webhooks.toml"
    secrets.write_text(f'[secrets]\nlocal = "{WEBHOOK_SECRET}"\n')
    secrets.chmod(0o600)
    settings["gateway"] = {
        "DATABASE": f"sqlite:///{folder}/gateway.db",
        "WEBHOOK_INTERNAL_HOSTS": '["127.0.0.1:*"]',
        "WEBHOOK_SECRETS": str(secrets),
    }
    async with Mesh(chosen(), settings=settings) as running:
        yield running


@pytest.fixture(scope="session")
def address(mesh: Mesh) -> str:
    """Where the gateway is."""
    return mesh.address("gateway")


@pytest.fixture(scope="session")
def client(address: str) -> Iterator[Client]:
    """A client of the mesh."""
    with Client(address) as client:
        yield client


@pytest.fixture
async def aclient(address: str) -> AsyncIterator[AsyncClient]:
    """A client of the mesh, for asyncio."""
    async with AsyncClient(address) as client:
        yield client

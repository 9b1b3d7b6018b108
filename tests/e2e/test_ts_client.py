"""The TypeScript client's own tests and its README's program, against a mesh by both ways."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator

import pytest

from edgemesh_local.layout import Layout
from edgemesh_local.mesh import Mesh

FOLDER = Layout.here().root / "clients" / "ts"
NODE, NPM = shutil.which("node"), shutil.which("npm")
NODE_IS_NEW = NODE is not None and (
    int(
        subprocess.run([NODE, "--version"], capture_output=True, text=True, check=False)
        .stdout.lstrip("v")
        .partition(".")[0]
        or 0
    )
    >= 20
)
IN_CI = bool(os.environ.get("CI"))
"""There it is brought along, and its absence is a failure."""
KEY = "em_of_a_client_in_typescript"

pytestmark = [
    pytest.mark.needs("cpp", "pywasm"),
    pytest.mark.timeout(600),  # the first run fetches packages
    pytest.mark.skipif(not (NODE_IS_NEW or IN_CI), reason="Node is not installed, or too old"),
]


@pytest.fixture(scope="module")
async def mesh_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mesh]:
    """A mesh that knows one key, and serves REST."""
    folder = tmp_path_factory.mktemp("ts")
    keys = folder / "keys.toml"
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    keys.write_text(f'[[keys]]\ntenant = "typists"\nsha256 = "{digest}"\n')
    keys.chmod(0o600)
    settings: dict[str, dict[str, str]] = {
        "cpp": {"WORKERS": "1", "SPARES": "0"},
        "pywasm": {"WORKERS": "2", "SPARES": "0", "SESSION_DIR": str(folder / "sessions")},
        "gateway": {
            "API_KEYS": str(keys),
            "DATABASE": f"sqlite:///{folder}/gateway.db",
            "REST_PORT": "0",
        },
    }
    async with Mesh(("cpp", "pywasm"), settings=settings) as mesh:
        yield mesh


async def npm(*words: str, **environment: str) -> str:
    """What npm prints, which must go well."""
    assert NPM is not None
    inherited = {
        name: text for name, text in os.environ.items() if not name.startswith("EDGEMESH_")
    }
    process = await asyncio.create_subprocess_exec(
        NPM,
        *words,
        cwd=FOLDER,
        env=inherited | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()


@pytest.fixture(scope="module")
async def packages() -> None:
    """What the client is built with, as the lock has it."""
    lock, installed = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        await npm("ci", "--no-audit", "--no-fund")


@pytest.mark.usefixtures("packages")
async def test_the_typescript_client_against_a_mesh(mesh_of_its_own: Mesh) -> None:
    said = await npm(
        "test",
        EDGEMESH_TEST_ADDRESS=mesh_of_its_own.address("gateway"),
        EDGEMESH_TEST_URL=f"http://{mesh_of_its_own.http('gateway')}",
        EDGEMESH_TEST_KEY=KEY,
    )
    assert "skipped 0" in said
    for suite in ("a mesh by gRPC", "a mesh by REST", "the README's program"):
        assert suite in said


@pytest.mark.usefixtures("packages")
async def test_the_typescript_client_without_a_mesh() -> None:
    said = await npm("test")
    assert "fail 0" in said

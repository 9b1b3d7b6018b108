"""The Go client's own tests, its examples and its README's program, against a running mesh."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edgemesh_local.layout import Layout
from edgemesh_local.mesh import Mesh

FOLDER = Layout.here().root / "clients" / "go"
GO = shutil.which("go")
GO_IS_NEW = GO is not None and "go1.1" not in (
    subprocess.run([GO, "version"], capture_output=True, text=True, check=False).stdout
)
"""Debian 12's own, 1.19, is too old for the module."""
IN_CI = bool(os.environ.get("CI"))
"""There it is brought along, and its absence is a failure."""
KEY = "em_of_a_client_in_go"

pytestmark = [
    pytest.mark.needs("cpp", "pywasm"),
    pytest.mark.timeout(600),  # the first run fetches modules and compiles gRPC
    pytest.mark.skipif(not (GO_IS_NEW or IN_CI), reason="Go is not installed, or too old"),
]


@pytest.fixture(scope="module")
async def address(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Where a mesh of its own is, which knows one key."""
    folder = tmp_path_factory.mktemp("go")
    keys = folder / "keys.toml"
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    keys.write_text(f'[[keys]]\ntenant = "gophers"\nsha256 = "{digest}"\n')
    keys.chmod(0o600)
    settings: dict[str, dict[str, str]] = {
        "cpp": {"WORKERS": "1", "SPARES": "0"},
        "pywasm": {"WORKERS": "2", "SPARES": "0", "SESSION_DIR": str(folder / "sessions")},
        "gateway": {"API_KEYS": str(keys), "DATABASE": f"sqlite:///{folder}/gateway.db"},
    }
    async with Mesh(("cpp", "pywasm"), settings=settings) as mesh:
        yield mesh.address("gateway")


async def go_test(tmp_path: Path, **environment: str) -> str:
    """What `go test` prints, which must go well."""
    assert GO is not None
    inherited = {
        name: text for name, text in os.environ.items() if not name.startswith("EDGEMESH_TEST_")
    }
    process = await asyncio.create_subprocess_exec(
        GO,
        "test",
        "-count=1",
        "-v",
        "-timeout=5m",  # before this test's own, so that Go says what hangs
        "./...",
        cwd=FOLDER,
        env=inherited | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    (tmp_path / "go.log").write_bytes(said)
    assert process.returncode == 0, said.decode()
    return said.decode()


async def test_the_go_client_against_a_mesh(address: str, tmp_path: Path) -> None:
    said = await go_test(tmp_path, EDGEMESH_TEST_ADDRESS=address, EDGEMESH_TEST_KEY=KEY)
    ran = {line.split()[2] for line in said.splitlines() if line.startswith("--- PASS: ")}
    assert {"TestReadme", "TestMeshJobs", "TestMeshSessions", "ExampleClient_Compute"} <= ran
    assert "--- SKIP" not in said


async def test_the_go_client_without_a_mesh(tmp_path: Path) -> None:
    said = await go_test(tmp_path)
    assert "TestMesh" not in said
    assert "Example" not in said

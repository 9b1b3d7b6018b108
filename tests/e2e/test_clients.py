"""The example clients, and a client without stubs."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import reflect
from support.rpc import Peer

from edgemesh_local.layout import Layout
from edgemesh_local.mesh import Mesh

CLIENTS = Layout.here().root / "clients"
GO = shutil.which("go")
GO_IS_NEW = GO is not None and "go1.1" not in (
    subprocess.run([GO, "version"], capture_output=True, text=True, check=False).stdout
)
"""Debian 12's own, 1.19, is too old for the module."""
GRPCURL = shutil.which("grpcurl", path=f"{os.environ.get('PATH')}:{Path.home() / 'go' / 'bin'}")
IN_CI = bool(os.environ.get("CI"))
"""There both are brought along, and their absence is a failure."""
SERVICE = "edgemesh.compute.v1.ComputeService"


async def output(*command: str, cwd: Path, status: int = 0) -> str:
    """What a command prints."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == status, err.decode()
    return (out or err).decode()


@pytest.mark.needs("cpp")
async def test_the_python_example(mesh: Mesh) -> None:
    folder = CLIENTS / "python" / "example"
    said = await output(sys.executable, "first_request.py", mesh.address("gateway"), cwd=folder)
    lines = said.splitlines()
    assert "cpp.fft@1 by cpp" in lines
    at = lines.index("cpp.fft@1: [8]")
    amplitudes = [float(line.split()[1]) for line in lines[at + 1 : at + 9]]
    assert amplitudes == [16.0, 6.828427, 0.0, 1.171573, 0.0, 1.171573, 0.0, 6.828427]
    assert "  reason INVALID_PARAMETER" in lines
    assert any(line.startswith("  parameters.norm: ") for line in lines)


@pytest.mark.needs("pywasm")
async def test_the_example_of_registering(mesh: Mesh) -> None:
    folder = CLIENTS / "python" / "example"
    said = await output(sys.executable, "registered.py", mesh.address("gateway"), cwd=folder)
    assert said.splitlines() == [
        "python.primes@1: The largest primes below a number. Required: below",
        "[997, 991, 983, 977, 971]",
        "deleted: python.primes@1",
    ]


@pytest.mark.needs("pywasm")
async def test_the_example_of_sessions(mesh: Mesh) -> None:
    folder = CLIENTS / "python" / "example"
    said = await output(sys.executable, "session.py", mesh.address("gateway"), cwd=folder)
    assert said.splitlines() == ["[0, 1, 4]", "[9, 16, 25]", "1"]


@pytest.mark.needs("pywasm")
async def test_the_example_of_environments() -> None:
    folder = CLIENTS / "python" / "example"
    # The index that builds have here may be a mirror in a network that is not public.
    anywhere = {"pywasm": {"FETCH_NETWORKS": '["0.0.0.0/0", "::/0"]'}}
    async with Mesh(("pywasm",), settings=anywhere) as mesh:
        said = await output(sys.executable, "environment.py", mesh.address("gateway"), cwd=folder)
    assert said.splitlines() == [
        "packages: humanize",
        "1.0 GB",
        '[{"outcome": "ok", "result": "1.0 kB"}, {"outcome": "ok", "result": "1.0 MB"}]',
        "1.0 TB",
    ]


@pytest.mark.needs("cpp")
@pytest.mark.skipif(not (GO_IS_NEW or IN_CI), reason="Go is not installed, or too old")
async def test_the_go_example_prints_the_same(mesh: Mesh, tmp_path: Path) -> None:
    assert GO is not None
    folder = CLIENTS / "go" / "example"
    await output(GO, "build", "-o", str(tmp_path / "example"), ".", cwd=folder)
    address = mesh.address("gateway")
    go = await output(str(tmp_path / "example"), address, cwd=folder)
    python = await output(
        sys.executable, "first_request.py", address, cwd=CLIENTS / "python" / "example"
    )
    assert go == python


@pytest.mark.needs("cpp")
async def test_the_python_example_explains_a_mesh_that_is_not_there() -> None:
    folder = CLIENTS / "python" / "example"
    said = await output(sys.executable, "first_request.py", "127.0.0.1:1", cwd=folder, status=1)
    assert said.startswith("UNAVAILABLE: ")


async def test_a_client_without_stubs(gateway: Peer) -> None:
    assert await reflect.services(gateway.channel) == {
        SERVICE,
        "edgemesh.compute.v1.AccountService",
        "edgemesh.compute.v1.AlgorithmService",
        "edgemesh.compute.v1.ChainService",
        "edgemesh.compute.v1.EnvironmentService",
        "edgemesh.compute.v1.JobService",
        "edgemesh.compute.v1.KeyService",
        "edgemesh.compute.v1.ModelService",
        "edgemesh.compute.v1.ScheduleService",
        "edgemesh.compute.v1.SessionService",
        "edgemesh.compute.v1.SharedMemoryService",
        "inference.GRPCInferenceService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


@pytest.mark.needs("pywasm")
async def test_a_call_without_stubs(gateway: Peer) -> None:
    request = {"algorithm": "python.run", "parameters": json.dumps({"code": "output = 6 * 7"})}
    answer = await reflect.call(gateway.channel, SERVICE, "Compute", json.dumps(request))
    said = json.loads(answer)
    assert said["outcome"] == "OUTCOME_OK"
    assert json.loads(said["result"]) == 42


@pytest.mark.needs("pywasm")
@pytest.mark.skipif(not (GRPCURL or IN_CI), reason="grpcurl is not installed")
async def test_grpcurl(mesh: Mesh, tmp_path: Path) -> None:
    assert GRPCURL is not None
    address = mesh.address("gateway")
    listed = await output(GRPCURL, "-plaintext", address, "list", cwd=tmp_path)
    assert SERVICE in listed.split()
    described = await output(GRPCURL, "-plaintext", address, "describe", SERVICE, cwd=tmp_path)
    assert "rpc ComputeStream" in described
    request = {"algorithm": "python.run", "parameters": json.dumps({"code": "output = 6 * 7"})}
    answer = await output(
        GRPCURL,
        "-plaintext",
        "-d",
        json.dumps(request),
        address,
        f"{SERVICE}/Compute",
        cwd=tmp_path,
    )
    assert json.loads(json.loads(answer)["result"]) == 42

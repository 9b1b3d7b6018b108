"""Each service is a process in an environment of its own, and so is its native code."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support import processes
from support.rpc import Peer
from support.subject import SUBJECTS

from edgemesh_local.environments import interpreter
from edgemesh_local.layout import Layout
from edgemesh_local.mesh import Mesh
from edgemesh_local.service import all_services

NATIVE = {"edgemesh_cpp_host": "cpp", "edgemesh_candle": "ml", "wasmtime": "pywasm"}


def folders() -> dict[str, Path]:
    return {name: service.folder for name, service in all_services(Layout.here().root).items()}


async def python(service: str, code: str) -> tuple[int, str]:
    """Run code in a service's environment: exit status and stdout."""
    process = await asyncio.create_subprocess_exec(
        str(interpreter(folders()[service])),
        "-c",
        code,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_every_service_and_every_worker_is_a_process_of_its_own(
    mesh: Mesh, gateway: Peer
) -> None:
    fronts = {name: mesh.pid(name) for name in ("gateway", *mesh.executors)}
    workers: dict[str, set[int]] = {}
    for name in mesh.executors:
        subject = SUBJECTS[name]
        response = await gateway.compute.Compute(subject.quick(1), timeout=30)
        assert response.usage.executor_pid == fronts[name]
        assert response.usage.worker_pid in processes.children(fronts[name])
        workers[name] = set(processes.children(fronts[name]))
    everyone = [*fronts.values(), *(pid for pids in workers.values() for pid in pids)]
    assert len(set(everyone)) == len(everyone) >= 1 + 3 * len(workers)
    for name, front in fronts.items():
        expected = str(folders()[name] / ".venv")
        for pid in (front, *workers.get(name, ())):
            assert processes.command(pid)[0].startswith(expected)


async def test_environments_are_separate(mesh: Mesh) -> None:
    prefixes: set[str] = set()
    for name in ("gateway", *mesh.executors):
        code, prefix = await python(name, "import sys; print(sys.prefix)")
        assert code == 0
        prefixes.add(prefix)
    assert len(prefixes) == 1 + len(mesh.executors)


@pytest.mark.needs("cpp", "ml", "pywasm")
@pytest.mark.parametrize("module", NATIVE)
async def test_native_code_imports_in_one_environment(module: str) -> None:
    imports = {name for name in folders() if (await python(name, f"import {module}"))[0] == 0}
    assert imports == {NATIVE[module]}


async def test_fronts_load_no_native_code_of_their_executor(mesh: Mesh) -> None:
    for name in ("gateway", *mesh.executors):
        for path in processes.mapped(mesh.pid(name)):
            assert not any(module in path for module in NATIVE), (name, path)


async def test_no_environment_holds_another_service(mesh: Mesh) -> None:
    modules = {name: service.module for name, service in all_services(Layout.here().root).items()}
    for name in ("gateway", *mesh.executors):
        code = f"import importlib.util as u; print(*filter(u.find_spec, {list(modules.values())}))"
        assert await python(name, code) == (0, f"{modules[name]}\n")

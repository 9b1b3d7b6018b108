"""The doctor on a machine that no mesh could run on: each set-up is broken for real.

What only root can break is broken in a mount namespace, which ends with the command.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from terminal import Said, edgemesh


async def ill(*before: str, **env: str) -> Said:
    """What the doctor says where no gateway runs."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return await edgemesh(f"127.0.0.1:{port}", "doctor", "--json", before=before, env=env)


def found(said: Said, check: str) -> dict[str, Any]:
    """What it found bad of one kind."""
    assert said.code == 4, said
    (finding,) = [each for each in said.json["checks"] if each["check"] == check]
    assert not finding["ok"]
    return finding


def mounts() -> bool:
    """Whether this process may change what a child sees of the file system."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0


needs_mounts = pytest.mark.skipif(not mounts(), reason="mount namespaces are root's")


def mounted(command: str) -> tuple[str, ...]:
    """Words that run what follows after `command`, in a mount namespace of its own."""
    return (shutil.which("unshare") or "", "-m", "/bin/sh", "-c", f'{command} && exec "$@"', "sh")


async def test_what_is_well_is_told_too() -> None:
    said = await ill()
    checks = [each["check"] for each in said.json["checks"]]
    assert checks[:2] == ["address", "python"]
    assert {"memory", "addresses", "open-files", "state"} <= {*checks}
    assert all("mend" in each for each in said.json["checks"])


async def test_a_mesh_that_runs_hides_the_machine(address: str) -> None:
    said = await edgemesh(address, "doctor", "--json")
    assert "memory" not in {each["check"] for each in said.json["checks"]}
    said = await edgemesh(address, "doctor", "--machine", "--json")
    assert "memory" in {each["check"] for each in said.json["checks"]}


@needs_mounts
async def test_there_is_too_little_memory(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 4000000 kB\nMemAvailable: 500000 kB\n")
    said = await ill(*mounted(f"mount --bind {tmp_path}/meminfo /proc/meminfo"))
    memory = found(said, "memory")
    assert memory["found"].startswith("0.5 GiB are free")
    assert "edgemesh up --executors cpp" in memory["mend"]


async def test_addresses_are_limited() -> None:
    limit = f'ulimit -v {16 * 1024 * 1024} && exec "$@"'
    addresses = found(await ill("sh", "-c", limit, "sh"), "addresses")
    assert addresses["found"].startswith("at most 16.0 GiB")
    assert addresses["mend"] == "ulimit -v unlimited"


async def test_few_files_may_be_open() -> None:
    files = found(await ill("sh", "-c", 'ulimit -n 256 && exec "$@"', "sh"), "open-files")
    assert files["found"].startswith("256 at most")
    assert files["mend"].startswith("ulimit -n ")


async def test_the_state_folder_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    state = found(await ill(EDGEMESH_CACHE=str(tmp_path / "file" / "cache")), "state")
    assert "cannot be written" in state["found"]
    assert "EDGEMESH_CACHE" in state["mend"]


@needs_mounts
async def test_the_disk_is_full(tmp_path: Path) -> None:
    before = mounted(f"mount -t tmpfs -o size=16m none {tmp_path}")
    disk = found(await ill(*before, EDGEMESH_CACHE=str(tmp_path / "cache")), "disk")
    assert disk["found"].startswith("0.0 GiB are free")
    assert "EDGEMESH_CACHE=" in disk["mend"]


@needs_mounts
@pytest.mark.skipif(
    os.path.realpath(sys.executable) == os.path.realpath("/usr/bin/python3"),
    reason="the tests run on the Python that would be hidden",
)
async def test_python_is_too_old(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\n')
    old.chmod(0o755)
    systems = Path("/usr/bin/python3")
    mount = f"{shutil.which('mount')} --bind {old} {systems}" if systems.exists() else "true"
    python = found(await ill(*mounted(mount), PATH=str(tmp_path)), "python")
    assert f"{old} is 3.9.2" in python["found"]
    assert "apt-get install -y python3" in python["mend"]


async def test_tools_are_missing(tmp_path: Path) -> None:
    tools = found(await ill(PATH=str(tmp_path)), "tools")
    assert tools["found"].startswith("missing: cmake, g++")
    assert "apt-get install -y --no-install-recommends cmake" in tools["mend"]


async def test_a_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = found(await ill(EDGEMESH_CPP_PORT=str(port)), "ports")
    assert ports["found"] == f"port {port} is taken (EDGEMESH_CPP_PORT)"
    assert ports["mend"].startswith("export EDGEMESH_CPP_PORT=")
    assert f"ss -ltnp 'sport = :{port}'" in ports["mend"]

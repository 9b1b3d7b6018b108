"""A small house of fake services: real processes, since processes are what is managed."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest

from edgemesh_local.console import Console
from edgemesh_local.layout import Layout

_FAKE = Path(__file__).with_name("fake_service.py")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An empty checkout and an empty cache; uv's own cache is the real one."""
    layout = Layout(root=tmp_path / "checkout", cache=tmp_path / "cache")
    layout.local.mkdir(parents=True)
    layout.cache.mkdir()
    real = Layout.here()
    (layout.local / "build.lock").write_text((real.local / "build.lock").read_text())
    if (real.cache / "uv").is_dir():
        (layout.cache / "uv").symlink_to(real.cache / "uv")
    return layout


@pytest.fixture
def console(tmp_path: Path) -> Console:
    """Writes to a file, which `tmp_path / "console"` is."""
    return Console(out=(tmp_path / "console").open("w"))


@pytest.fixture
def house(layout: Layout) -> Layout:
    """A gateway and the executors `one` and `two`, as the process manager sees services."""
    ports = sorted(free_port() for _ in range(6))
    for number, name in enumerate(("gateway", "one", "two")):
        folder = layout.root / (name if name == "gateway" else f"executor_{name}")
        python = folder / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        # A fake's interpreter: `-m fake` becomes the script with its prefix.
        prefix = f"EDGEMESH_{name.upper()}_"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{_FAKE}" {prefix}\n')
        python.chmod(0o755)
        (folder / "service.toml").write_text(
            f'name = "{name}"\nmodule = "fake"\nenv_prefix = "{prefix}"\n'
            f"port = {ports[number]}\nmetrics_port = {ports[number + 3]}\n"
        )
    return layout


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


async def ask(address: str, what: str) -> str:
    """Send a line to a fake service; returns its answer, empty if it died."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(what.encode() + b"\n")
    answer = await reader.read()
    writer.close()
    return answer.decode().strip()


async def gone(pid: int) -> None:
    """Wait until there is no such process (a zombie is none)."""
    while True:
        try:
            status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            os.kill(pid, 0)
        except (FileNotFoundError, ProcessLookupError):
            return
        if status in "ZX":
            return
        await asyncio.sleep(0.01)

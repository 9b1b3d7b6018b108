"""The mesh in the foreground, as a person starts and stops it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from edgemesh_local.layout import Layout

_SCRIPT = """
import asyncio, sys
from pathlib import Path
from edgemesh_local import up
from edgemesh_local.console import Console
from edgemesh_local.layout import Layout
from edgemesh_local.session import Session
session = Session(Layout(Path(sys.argv[1]), Path(sys.argv[2])), Console())
sys.exit(asyncio.run(up.run(session)))
"""


@contextmanager
def foreground(house: Layout, **env: str) -> Generator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, str(house.root), str(house.cache)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Layout.here().local)} | env,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def free_ports() -> dict[str, str]:
    """Own settings of all services, so that tests do not meet on standard ports."""
    return {
        f"EDGEMESH_{name}_{setting}": "0"
        for name in ("ONE", "TWO", "GATEWAY")
        for setting in ("PORT", "METRICS_PORT")
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_when_each_serves_and_stops_when_told(
    house: Layout, number: signal.Signals
) -> None:
    with foreground(house, **free_ports()) as process:
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if "the mesh is up" in line:
                process.send_signal(number)
        assert process.wait() == 0
    for name in ("one", "two", "gateway"):
        assert sum(f"{name:<8}| serving at 127.0.0.1:" in line for line in lines) == 1
        assert any(f"{name:<8}| a line of its own" in line for line in lines)
    stopped = [line for line in lines if "| stopped" in line]
    assert len(stopped) == 3
    assert stopped[0].startswith("gateway")
    assert lines.index("stopping\n") < lines.index(stopped[0])


def test_it_stops_while_it_starts(house: Layout) -> None:
    python = house.root / "gateway" / ".venv" / "bin" / "python"
    python.write_text("#!/bin/sh\necho waiting; exec sleep 600\n")
    with foreground(house, **free_ports()) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "waiting" in line:
                process.send_signal(signal.SIGINT)
        assert process.wait() == 0


def test_a_port_in_use_is_one_line(house: Layout) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        env = free_ports() | {"EDGEMESH_GATEWAY_PORT": str(port)}
        with foreground(house, **env) as process:
            assert process.stdout is not None
            said = process.stdout.read()
            assert process.wait() != 0
    assert f"port {port} (gateway) is in use" in said.splitlines()[-1]

"""Starts the tests' executor as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

HERE = Path(__file__).parent


class Process:
    """An executor's process and what it said of itself."""

    def __init__(self, **settings: object) -> None:
        env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]),
            **{f"EDGEMESH_SAMPLE_{k.upper()}": str(v) for k, v in settings.items()},
        }
        self.popen = subprocess.Popen(
            [sys.executable, str(HERE / "sample.py")], env=env, stdout=subprocess.PIPE, text=True
        )

    def serving(self) -> dict[str, Any]:
        """Wait for the one line on stdout."""
        assert self.popen.stdout is not None
        return json.loads(self.popen.stdout.readline())

    def end(self) -> None:
        """Stop it, however it is."""
        self.popen.kill()
        self.popen.communicate()


Start = Callable[..., Process]


@pytest.fixture(scope="session")
def start_executor() -> Iterator[Start]:
    started: list[Process] = []

    def start(**settings: object) -> Process:
        started.append(Process(**settings))
        return started[-1]

    yield start
    for process in started:
        process.end()


@pytest.fixture(scope="session")
def address(start_executor: Start) -> str:
    return start_executor(workers=2).serving()["address"]


@pytest.fixture
async def channel(address: str) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(address) as channel:
        yield channel

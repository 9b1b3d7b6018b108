"""Processes of the bench: started, waited for until they take connections, and ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
START_S = 30.0


def free_port() -> int:
    """A port of loopback that nobody had a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(**more: str) -> dict[str, str]:
    """This process's variables without the mesh's own, the checkout on Python's path."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("EDGEMESH_")}
    return env | {"PYTHONPATH": str(ROOT), **more}


@asynccontextmanager
async def asked(
    command: Sequence[str], env: Mapping[str, str]
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """A process that answers on its output what it is asked on its input; killed at the end."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=dict(env),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=1 << 24,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@asynccontextmanager
async def running(
    command: Sequence[str], env: Mapping[str, str], port: int
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """A process that listens on `port`; killed at the end."""
    process = await asyncio.create_subprocess_exec(
        *command, env=dict(env), stdout=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(START_S):
            while True:
                if process.returncode is not None:
                    raise RuntimeError(f"{command[0]} ended with status {process.returncode}")
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.02)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()


async def output(*words: str) -> Any:
    """Run a module of the bench in this environment; gives the JSON that it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *words, env=environment(), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with status {process.returncode}")
    return json.loads(said)

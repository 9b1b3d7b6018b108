"""Runs one command of a build: output to a log, a heartbeat while it lasts, its tail on failure."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path

from edgemesh_local import child
from edgemesh_local.console import Console

BEAT_S = 15.0
_GRACE_S = 5.0
_TAIL_LINES = 40
_SHOWN = 200

output: ContextVar[Path | None] = ContextVar("output", default=None)
"""Where what `show` runs prints to in this task; None: the terminal."""


class CommandFailed(Exception):
    """A command ended with a code other than zero."""

    def __init__(self, label: str, command: Sequence[str], code: int, log: Path | None) -> None:
        self.label, self.command, self.code, self.log = label, tuple(command), code, log
        words = " ".join(shlex.join(command).split())
        super().__init__(f"{label}: exit code {code}: {words[:_SHOWN]}")

    def tail(self) -> str:
        """The log's last lines; empty where the output went to the terminal."""
        if self.log is None:
            return ""
        with self.log.open(errors="replace") as lines:
            return "".join(deque(lines, _TAIL_LINES))


async def run(
    label: str,
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    log: Path,
    console: Console,
    beat_s: float = BEAT_S,
) -> None:
    """Run it with its output in `log`. Raises CommandFailed; cancelling ends the whole group."""
    with _open(log) as file:
        process = await _spawn(command, env, cwd=cwd, stdout=file, stderr=file)
    began = time.monotonic()
    try:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(beat_s):
                    await process.wait()
                break
            console.beat(label, time.monotonic() - began, last_line(log))
    finally:
        code = await child.end(process, _GRACE_S)
    if code != 0:
        raise CommandFailed(label, command, code, log)


async def show(label: str, command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> None:
    """Run it with its output on the terminal, or where `output` says. Raises CommandFailed."""
    where = output.get()
    if where is None:
        process = await _spawn(command, env, cwd=cwd)
    else:
        with where.open("ab") as file:
            process = await _spawn(command, env, cwd=cwd, stdout=file, stderr=file)
    try:
        await process.wait()
    finally:
        code = await child.end(process, _GRACE_S)
    if code != 0:
        raise CommandFailed(label, command, code, None)


async def read(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str | None:
    """What the command prints on both outputs, or None if it is missing or fails."""
    try:
        process = await child.spawn(
            *command,
            env=env,
            cwd=cwd,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except OSError:
        return None
    output, _ = await process.communicate()
    return output.decode(errors="replace") if process.returncode == 0 else None


async def _spawn(
    command: Sequence[str], env: Mapping[str, str], **options: object
) -> asyncio.subprocess.Process:
    try:
        return await child.spawn(*command, env=env, **options)
    except FileNotFoundError as error:
        raise CommandFailed(f"no such program: {error.filename}", command, 127, None) from None


def _open(log: Path):
    log.parent.mkdir(parents=True, exist_ok=True)
    return log.open("wb")


def last_line(log: Path) -> str:
    """The last line that says something; empty where there is none."""
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 4096))
        lines = file.read().decode(errors="replace").replace("\r", "\n").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")

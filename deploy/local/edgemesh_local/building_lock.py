"""Keeps two builds apart: one at a time per cache, whichever checkout it comes from."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncGenerator
from pathlib import Path

from edgemesh_local.console import Console

_POLL_S = 0.1


@contextlib.asynccontextmanager
async def building(cache: Path, console: Console) -> AsyncGenerator[None]:
    """Hold the cache's lock; the kernel lets go of it when the process dies."""
    descriptor = _open(cache / "build.lock")
    try:
        told = False
        while not _take(descriptor):
            if not told:
                holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
                console.line(f"another build is at work (process {holder or '?'}): waiting for it")
                told = True
            await asyncio.sleep(_POLL_S)
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

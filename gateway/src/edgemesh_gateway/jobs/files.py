"""Large requests and results as files beside the database.

Rules: a file is whole and on disk before the row that means it is committed, and goes after that
row; what a crash left between the two is nobody's, and is swept up at the start. Without a folder
all lies in the database: several gateways on one PostgreSQL may have no folder in common.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path

INLINE = 64 << 10
"""Bytes up to which a database holds them better."""
REQUEST, RESULT = "request", "result"
OLD_S = 3600.0
"""A file that is older than this has its row by now, or never will."""


class Files:
    """The files of a folder."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    async def put(self, job: str, kind: str, content: bytes) -> bytes | None:
        """Keep it; what the job's row must hold: None where a file does. Raises OSError."""
        if self._folder is None or len(content) <= INLINE:
            return content
        await asyncio.to_thread(_write, self._path(job, kind), content)
        return None

    async def get(self, job: str, kind: str) -> bytes:
        """What was kept. Raises OSError."""
        return await asyncio.to_thread(self._path(job, kind).read_bytes)

    async def drop(self, jobs: Iterable[str]) -> None:
        """Forget all of these jobs."""
        paths = [self._path(job, kind) for job in jobs for kind in (REQUEST, RESULT)]
        if self._folder is not None and paths:
            await asyncio.to_thread(_remove, paths)

    async def sweep(self, known: Callable[[Sequence[str]], Awaitable[set[str]]]) -> None:
        """Remove what belongs to no job."""
        if self._folder is None:
            return
        found = await asyncio.to_thread(_old, self._folder)
        for start in range(0, len(found), 500):
            some = found[start : start + 500]
            there = await known([job for job, _ in some])
            await asyncio.to_thread(_remove, [path for job, path in some if job not in there])

    def _path(self, job: str, kind: str) -> Path:
        assert self._folder is not None or kind
        # The end of an id is random: folders of about the same size.
        return (self._folder or Path()) / job[-2:] / f"{job}.{kind}"


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    for folder in (path.parent, path.parent.parent):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink()


def _old(folder: Path) -> list[tuple[str, Path]]:
    before = time.time() - OLD_S
    found: list[tuple[str, Path]] = []
    for path in folder.glob("*/*"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < before:
                found.append((path.name.partition(".")[0], path))
    return found

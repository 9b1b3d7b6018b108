"""A PostgreSQL of a test's own, on a socket in a folder, that can be killed and started again.

Rules: it does not run as root, so root lends it the user that Debian's package makes; all of its
processes are killed at once, as a machine's loss would; what was committed is in its folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from support import processes

_START_S = 60.0
_PAUSE_S = 0.1
# Not by subprocess's own means: these fork, and gRPC's threads do not outlive that.
_AS_ITS_USER = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--")


def programs() -> Path | None:
    """Where PostgreSQL's programs are on this machine; None: it is not installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else None


class Postgres:
    """One server."""

    def __init__(self, folder: Path) -> None:
        self.url = f"postgresql+psycopg://mesh@/postgres?host={folder}"
        self._folder = folder
        self._owner: tuple[str, ...] = ()
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
            self._owner = _AS_ITS_USER
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def initialise(self) -> None:
        """Make the folder's database."""
        words = ["-D", str(self._folder / "data"), "-U", "mesh", "--auth=trust"]
        process = await asyncio.create_subprocess_exec(
            *self._owner,
            str(_programs() / "initdb"),
            *words,
            stdout=asyncio.subprocess.DEVNULL,
        )
        assert await process.wait() == 0

    async def start(self) -> None:
        """Start it; returns when it takes connections."""
        async with asyncio.timeout(_START_S):
            while not await self._try():  # what was killed may not have let go of its memory yet
                await asyncio.sleep(_PAUSE_S)

    async def kill(self) -> None:
        """Kill all of its processes."""
        assert self._process is not None
        pids = [self._process.pid, *processes.children(self._process.pid)]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self._gone()

    async def stop(self) -> None:
        """Stop it at once and in order."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGINT)
        await self._gone()

    async def _gone(self) -> None:
        if self._process is not None:
            await self._process.wait()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _try(self) -> bool:
        options = [f"-cunix_socket_directories={self._folder}", "-clisten_addresses="]
        self._process = await asyncio.create_subprocess_exec(
            *self._owner,
            str(_programs() / "postgres"),
            "-D",
            str(self._folder / "data"),
            *options,
            stderr=asyncio.subprocess.PIPE,
        )
        stderr = self._process.stderr
        assert stderr is not None
        async for line in stderr:
            if b"ready to accept" in line:
                self._reading = asyncio.create_task(_drain(stderr))
                return True
        await self._process.wait()
        return False


@asynccontextmanager
async def postgres() -> AsyncGenerator[Postgres]:
    """One that runs."""
    # Its socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="edgemesh-") as folder:
        server = Postgres(Path(folder))
        await server.initialise()
        try:
            await server.start()
            yield server
        finally:
            await server.stop()


def _programs() -> Path:
    found = programs()
    assert found is not None, "PostgreSQL is not installed"
    return found


async def _drain(stream: asyncio.StreamReader) -> None:
    async for _ in stream:
        pass

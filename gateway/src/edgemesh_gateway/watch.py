"""Files that take effect when they change: policy, keys, key sets, certificates.

Rules: looked at every LOOK_S by what `stat` says, through links, since notifications do not cross
container mounts; SIGHUP has all of them read at once. What a file is for says what a bad one does:
it keeps the old one, and is told of in log, health and metric.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from mesh_service import logs

LOOK_S = 0.5


class Unusable(Exception):
    """What a file has now cannot be used; says why."""


class Watched:
    """Files that are read together."""

    def __init__(
        self, name: str, paths: Sequence[Path], read: Callable[[], Awaitable[None] | None]
    ) -> None:
        """`read`: takes what they have into force; raises Unusable, and then changes nothing."""
        self.name = name
        self._paths, self._read = paths, read
        self._seen = self._look()
        self.bad = False
        """Whether what they have now was refused."""

    async def check(self, *, always: bool = False) -> bool:
        """Read them if they have changed; whether they were read."""
        seen = self._look()
        if seen == self._seen and not always:
            return False
        self._seen = seen
        try:
            done = self._read()
            if done is not None:
                await done
        except Unusable as error:
            self.bad = True
            logs.event("not reloaded", level=logging.ERROR, what=self.name, why=str(error))
        else:
            self.bad = False
            logs.event("reloaded", what=self.name)
        return True

    def _look(self) -> list[tuple[int, int, int] | None]:
        return [_signature(path) for path in self._paths]


class Watch:
    """All of them."""

    def __init__(self, told: Callable[[Watched], Awaitable[None]]) -> None:
        """`told`: called when one was read, well or badly."""
        self.files: list[Watched] = []
        self._told = told
        self._now = asyncio.Event()
        self.on_hangup: Callable[[], None] = lambda: None
        """Called at SIGHUP, too."""

    def hear(self) -> None:
        """Begin to hear SIGHUP, where a process's main thread runs the loop."""
        with contextlib.suppress(RuntimeError, ValueError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hangup)

    async def follow(self) -> None:
        """Look for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._now.wait()
            always = self._now.is_set()
            self._now.clear()
            for each in self.files:
                if await each.check(always=always):
                    await self._told(each)

    def _hangup(self) -> None:
        self.on_hangup()
        self._now.set()


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

"""The process with which a region goes.

Rules: the kernel tells of its end (a pidfd), whatever ended it; a process of another user is none
that a caller may name.
"""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import Callable
from pathlib import Path


class NoOwner(Exception):
    """There is no such process of that user."""


class Owner:
    """A process that runs, watched."""

    def __init__(self, pid: int, user: int, gone: Callable[[], None]) -> None:
        """Call `gone` on the running loop when it has ended. Raises NoOwner."""
        try:
            self._fd = os.pidfd_open(pid)
        except (OSError, OverflowError) as error:
            raise NoOwner from error
        self._loop = asyncio.get_running_loop()
        try:
            # The descriptor is of the process whose user is read, if that still runs afterwards.
            if _user(pid) != user or select.select([self._fd], [], [], 0)[0]:
                raise NoOwner
            self._loop.add_reader(self._fd, gone)
        except BaseException:
            os.close(self._fd)
            raise

    def forget(self) -> None:
        """Watch no more."""
        self._loop.remove_reader(self._fd)
        os.close(self._fd)


def _user(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError as error:
        raise NoOwner from error
    return next(int(line.split()[1]) for line in lines if line.startswith("Uid:"))

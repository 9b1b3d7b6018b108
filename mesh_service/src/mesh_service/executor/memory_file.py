"""Opens what a caller has named as shared memory, and nothing else.

Rules: names are looked up below one folder, step by step; no step follows a link; what is opened
must be a regular file of that user. A refusal says no more than the user could find out itself.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from pathlib import Path

POSIX = Path("/dev/shm")  # noqa: S108  (where shm_open looks)
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}")
_MOST_STEPS = 16


class Refused(Exception):
    """It cannot be opened; says what was expected."""

    def __init__(self, expected: str) -> None:
        self.expected = expected
        super().__init__(expected)


def open_memory(folder: Path, name: str, user: int) -> int:
    """A descriptor, for reading and writing, of the file `name` below `folder`. Raises Refused."""
    steps = name.split("/")
    if len(steps) > _MOST_STEPS or not all(map(_NAME.fullmatch, steps)):
        raise Refused("names of at most 255 characters of [A-Za-z0-9._-], the first no dot")
    with contextlib.ExitStack() as opened:
        try:
            at = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            opened.callback(os.close, at)
            for step in steps[:-1]:
                flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                at = os.open(step, flags, dir_fd=at)
                opened.callback(os.close, at)
            # Looked at before it is opened: opening alone may have effects on what is no file.
            _check(os.stat(steps[-1], dir_fd=at, follow_symlinks=False), user)
            flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            fd = os.open(steps[-1], flags, dir_fd=at)
        except OSError as error:
            raise Refused(
                "shared memory that is there, and that the executor's user may read and write: "
                f"{os.strerror(error.errno or 0)}"
            ) from None
    try:
        _check(os.fstat(fd), user)
    except Refused:
        os.close(fd)
        raise
    return fd


def _check(found: os.stat_result, user: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise Refused("a regular file: no link, folder, device or pipe")
    if found.st_uid != user:
        raise Refused("memory of the caller's own user")

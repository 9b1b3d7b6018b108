"""Child processes that never outlive us: a session of their own, ended as a whole.

On Linux the kernel also kills a child whose parent has died (util-linux's setpriv asks it to). That
holds for the thread that started it: start children from a thread that lives as long as they may.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any

_SETPRIV = shutil.which("setpriv") if sys.platform == "linux" else None


async def spawn(
    *command: str, env: Mapping[str, str] | None = None, **options: Any
) -> asyncio.subprocess.Process:
    """Start a process in a session of its own, with asyncio's options.

    Raises FileNotFoundError, whose `filename` is the program.
    """
    program = shutil.which(command[0], path=(os.environ if env is None else env).get("PATH"))
    if program is None:
        raise FileNotFoundError(errno.ENOENT, "no such program", command[0])
    # Not by preexec_fn: that forks with all of this process's fork handlers, and a test's gRPC
    # has some that crash now and then.
    guarded = (_SETPRIV, "--pdeathsig", "KILL", "--") if _SETPRIV else ()
    options.setdefault("stdin", asyncio.subprocess.DEVNULL)
    return await asyncio.create_subprocess_exec(
        *guarded, program, *command[1:], env=env, start_new_session=True, **options
    )


@dataclass(slots=True)
class Pipe:
    """A pipe from a child to a reader here.

    Not asyncio's own pipes: with them `wait` lasts until all of them are closed, and a worker
    that outlives its parent holds them open.
    """

    reader: asyncio.StreamReader
    writer: int
    """The descriptor that the child writes to."""

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, limit: int) -> AsyncGenerator[Pipe]:
        """Both ends, closed at the end; lines may be `limit` bytes long."""
        read_end, write_end = os.pipe()
        pipe = cls(asyncio.StreamReader(limit), write_end)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(pipe.reader), os.fdopen(read_end, "rb", 0)
        )
        try:
            yield pipe
        finally:
            transport.close()
            pipe.child_has_it()

    def child_has_it(self) -> asyncio.StreamReader:
        """Close our copy of the child's end, so that its end is seen; returns the reader."""
        if self.writer >= 0:
            os.close(self.writer)
            self.writer = -1
        return self.reader


def signal_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Signal the process and all that it started; nothing if they are gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


async def end(process: asyncio.subprocess.Process, grace: float) -> int:
    """SIGTERM to the process, SIGKILL to what is left of its group after `grace` seconds.

    Returns its exit code, negative for a signal.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await process.wait()
    signal_group(process, signal.SIGKILL)
    return await process.wait()

"""Makes a worker's process and its two sockets.

Rules: the front is never forked: the child is a fresh interpreter or a zygote's fork, in a session
and process group of its own, with a minimal environment, and with no descriptor of the front but
its sockets. It asks the kernel to be killed when the *thread* that spawned it (or its zygote) ends:
spawn on a thread that lives as long as the workers should (the pool's loop).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from .zygote import Zygote

_INHERITED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "PYTHONPATH",
    "LD_LIBRARY_PATH",
    "COVERAGE_PROCESS_START",
    "COVERAGE_PROCESS_CONFIG",
)
"""What a worker's environment takes from the front's."""


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """The whole of a worker's environment, of which `env` is its pool's."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {name: value for name, value in {**inherited, **env}.items() if value}


class Process:
    """A worker process, which its zygote has forked or which was spawned."""

    def __init__(self, target: str, env: Mapping[str, str], zygote: Zygote | None = None) -> None:
        self.data, data = socket.socketpair()
        self.control, control = socket.socketpair()
        with data, control:
            try:
                forked = zygote and zygote.fork(data, control, target)
                self._popen = None if forked else _spawn(data, control, target, env)
            except BaseException:
                self.data.close()
                self.control.close()
                raise
        self.pid = self._popen.pid if self._popen else cast(int, forked)
        self._reaped = False
        try:
            self.pidfd = os.pidfd_open(self.pid)
        except OSError:
            self.kill()
            self._wait()
            raise
        self.data.setblocking(False)
        self.control.setblocking(False)

    def kill(self) -> None:
        """Kill it with all it has started; nothing happens when it has ended."""
        if self._reaped:  # the number may be another's
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)  # a fork may not have its group yet
            os.killpg(self.pid, signal.SIGKILL)

    def reap(self) -> tuple[int, int]:
        """Collect the process (killed, if it lives); give its signal and exit code, one is 0."""
        self.kill()
        code = self._wait()
        os.close(self.pidfd)
        self.data.close()
        self.control.close()
        return max(-code, 0), max(code, 0)

    def _wait(self) -> int:
        self._reaped = True
        if self._popen:
            return self._popen.wait()
        try:
            return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        except ChildProcessError:  # as subprocess does, where nobody's children are kept
            return 0


def _spawn(
    data: socket.socket, control: socket.socket, target: str, env: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    arguments = map(str, (data.fileno(), control.fileno(), os.getpid(), target))
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "mesh_service.pool.child", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=2,  # the front's stdout is its owner's
        pass_fds=(data.fileno(), control.fileno()),
        env=environment(env),
        start_new_session=True,
    )

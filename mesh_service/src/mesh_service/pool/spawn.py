"""Makes a worker's process and its two sockets.

Spawned, never forked: the child starts as a fresh interpreter, in a session and process group of
its own, with a minimal environment, and with no descriptor of the front but its sockets. It asks
the kernel to be killed when the *thread* that spawned it ends: spawn on a thread that lives as
long as the workers should (the pool's loop).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping

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


class Process:
    """A spawned worker process."""

    def __init__(self, target: str, env: Mapping[str, str]) -> None:
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        given = {name: value for name, value in {**inherited, **env}.items() if value}
        self.data, data = socket.socketpair()
        self.control, control = socket.socketpair()
        with data, control:
            arguments = map(str, (data.fileno(), control.fileno(), os.getpid(), target))
            try:
                self._popen = subprocess.Popen(
                    [sys.executable, "-P", "-m", "mesh_service.pool.child", *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=2,  # the front's stdout is its owner's
                    pass_fds=(data.fileno(), control.fileno()),
                    env=given,
                    start_new_session=True,
                )
            except BaseException:
                self.data.close()
                self.control.close()
                raise
        self.pid = self._popen.pid
        try:
            self.pidfd = os.pidfd_open(self.pid)
        except OSError:
            self.kill()
            self._popen.wait()
            raise
        self.data.setblocking(False)
        self.control.setblocking(False)

    def kill(self) -> None:
        """Kill it with all it has started; nothing happens when it has ended."""
        if self._popen.returncode is None:  # not reaped: the number is still its own
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def reap(self) -> tuple[int, int]:
        """Collect the process (killed, if it lives); give its signal and exit code, one is 0."""
        self.kill()
        code = self._popen.wait()
        os.close(self.pidfd)
        self.data.close()
        self.control.close()
        return max(-code, 0), max(code, 0)

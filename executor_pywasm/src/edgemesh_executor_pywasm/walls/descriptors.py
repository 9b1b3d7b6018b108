"""Open descriptors: what a worker was given to write its log to can only be written on to.

Rules: the pool hands a worker nothing but its sockets, `/dev/null` and the front's stderr. That
may be a file, which could be cut off or written over, or a terminal, which could be read from.
"""

from __future__ import annotations

import os
import stat

from edgemesh_executor_pywasm.walls.wall import Ground

_STDIN, _STDOUT, _STDERR = 0, 1, 2


def narrow(_: Ground) -> str:
    """Open stdout and stderr anew, for appending only; stdin is at its end."""
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    os.dup2(null, _STDIN, inheritable=False)
    os.close(null)
    return ", ".join(_narrow(number, name) for number, name in _LOGS)


_LOGS = ((_STDOUT, "stdout"), (_STDERR, "stderr"))


def _narrow(number: int, name: str) -> str:
    if stat.S_ISSOCK(os.fstat(number).st_mode):
        return f"{name} is a socket"  # which cannot be opened again, nor be cut off
    flags = os.O_WRONLY | os.O_APPEND | os.O_NOCTTY | os.O_CLOEXEC
    new = os.open(f"/proc/self/fd/{number}", flags)
    os.dup2(new, number, inheritable=False)
    os.close(new)
    return f"{name} appends"

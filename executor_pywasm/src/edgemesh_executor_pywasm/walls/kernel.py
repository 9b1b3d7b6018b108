"""System calls that Python has no function for, by number.

Rules: Linux on x86-64 and on 64-bit ARM; elsewhere `machine()` raises `CannotRaise`. The C library
is asked by `syscall`, which acts on the calling thread alone: the walls are raised while there is
only one.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys

from edgemesh_executor_pywasm.walls.wall import CannotRaise

MACHINES = ("x86_64", "aarch64")

PR_SET_PDEATHSIG, PR_GET_PDEATHSIG = 1, 2
PR_GET_DUMPABLE, PR_SET_DUMPABLE = 3, 4
PR_CAPBSET_READ, PR_CAPBSET_DROP = 23, 24
PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS = 38, 39
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4


def machine() -> str:
    """This machine, one of MACHINES."""
    name = os.uname().machine
    if not sys.platform.startswith("linux") or name not in MACHINES or sys.maxsize < 1 << 32:
        raise CannotRaise(f"only for Linux on {' and '.join(MACHINES)}, this is {name}")
    return name


def syscall(number: int, *arguments: int | bytes | ctypes.Array[ctypes.c_char] | None) -> int:
    """Call the kernel; numbers are passed as 64-bit words. Raises OSError."""
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return _checked(_libc().syscall(ctypes.c_long(number), *words))


def prctl(option: int, *arguments: int) -> int:
    """Set or get something of this process. Raises OSError."""
    words = [ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0)[:4]]
    return _checked(_libc().prctl(option, *words))


def mount(source: str, target: str, kind: str, flags: int) -> None:
    """Mount, or change how a mount spreads. Raises OSError."""
    texts = [text.encode() for text in (source, target, kind)]
    _checked(_libc().mount(*texts, ctypes.c_ulong(flags), None))


def _checked(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer


@functools.cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc

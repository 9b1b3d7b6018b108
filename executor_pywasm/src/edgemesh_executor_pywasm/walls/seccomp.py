"""Seccomp: the kernel answers a worker's other system calls with an error.

Rules: the filter is laid on all threads at once and cannot be taken off. The kernel remembers for
which calls it always says yes, so that those cost nothing.
"""

from __future__ import annotations

import ctypes
import os
import struct

from edgemesh_executor_pywasm.walls import bpf, calls, kernel
from edgemesh_executor_pywasm.walls.numbers import MACHINE, NUMBERS
from edgemesh_executor_pywasm.walls.wall import CannotRaise, Ground

_SET_MODE_FILTER = 1
_ALL_THREADS = 1  # SECCOMP_FILTER_FLAG_TSYNC
_INSTRUCTION_BYTES = 8


def policy(machine: str, pid: int) -> bytes:
    """The filter for a process `pid` on a machine of this kind."""
    numbers = NUMBERS[machine]
    verdicts = {numbers[name]: bpf.ALLOW for name in calls.ALLOWED if name in numbers}
    verdicts |= {numbers[name]: calls.MISSING for name in calls.ABSENT}
    checks = {numbers[n]: check for n, check in calls.checked(pid).items() if n in numbers}
    return bpf.program(MACHINE[machine], verdicts, checks, calls.OTHERWISE)


def confine(_: Ground) -> str:
    """Lay the filter on this process."""
    machine = kernel.machine()
    code = policy(machine, os.getpid())
    lay(code, NUMBERS[machine]["seccomp"], _ALL_THREADS)
    return f"{len(calls.ALLOWED)} calls, and {len(calls.checked(0))} within bounds"


def lay(code: bytes, seccomp: int, flags: int) -> None:
    """Lay a filter on this thread, or with `_ALL_THREADS` on all."""
    memory = ctypes.create_string_buffer(code, len(code))
    count = len(code) // _INSTRUCTION_BYTES
    header = struct.pack("@HP", count, ctypes.addressof(memory))  # struct sock_fprog
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    try:
        thread = kernel.syscall(seccomp, _SET_MODE_FILTER, flags, header)
    except OSError as error:
        raise CannotRaise(f"the system refuses the filter: {error.strerror}") from None
    if thread:
        raise CannotRaise(f"thread {thread} has a filter of its own")

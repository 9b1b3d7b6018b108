"""A fork whose child is the caller's sibling: the parent's child, not the caller's own.

Rules: for a process of one thread; the parent collects the child, and the kernel's "tell me when my
parent's thread ends" (PR_SET_PDEATHSIG) is about that parent. glibc's fork cannot do this, so it is
the kernel's clone between the interpreter's own steps around a fork; what glibc does besides, write
the child's number where it keeps a thread's, the kernel does when it is told the place.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal

_CLONE_PARENT = 0x00008000
_CLONE_CHILD_CLEARTID = 0x00200000
_CLONE_CHILD_SETTID = 0x01000000
_FLAGS = _CLONE_PARENT | _CLONE_CHILD_SETTID | _CLONE_CHILD_CLEARTID | signal.SIGCHLD
_PR_GET_TID_ADDRESS = 40
_CLONE = {"x86_64": 56}  # its number, where the order of its arguments is known, too

_libc = ctypes.PyDLL(None, use_errno=True)  # PyDLL: the interpreter's lock stays with the caller
_libc.syscall.restype = ctypes.c_long


def kept_at() -> int:
    """Where the thread's number is kept: what a fork needs. Raises OSError: none is possible."""
    if platform.machine() not in _CLONE:
        raise OSError(f"no clone for {platform.machine()}")
    if (threads := len(os.listdir("/proc/self/task"))) != 1:
        raise OSError(f"{threads} threads run, whose locks would stay as they are")
    place = ctypes.c_void_p()
    if _libc.prctl(_PR_GET_TID_ADDRESS, ctypes.byref(place), 0, 0, 0) or not place.value:
        raise OSError("the kernel does not tell where the thread's number is kept")
    return place.value


def fork() -> int:
    """Give the child's number, or 0 in the child. Raises OSError: not here, or not now."""
    place = ctypes.c_void_p(kept_at())
    number = _CLONE[platform.machine()]
    ctypes.pythonapi.PyOS_BeforeFork()
    pid = int(_libc.syscall(number, _FLAGS, 0, 0, place, 0))
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0
    error = ctypes.get_errno()
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(error, os.strerror(error))
    return pid

"""Privileges: none, and no way to gain any; and nobody but the system looks into this process.

Rules: no capability in any set, also not for what might be executed; a program's set-user-ID bit
counts for nothing. A process that is not dumpable cannot be traced, nor its memory be read, by
another of the same user, and leaves no core.
"""

from __future__ import annotations

import contextlib
import os
import resource
import struct
from pathlib import Path

from edgemesh_executor_pywasm.walls import kernel, lifeline
from edgemesh_executor_pywasm.walls.wall import CannotRaise, Ground

_CAPSET = {"x86_64": 126, "aarch64": 91}
_CAPABILITY_VERSION_3 = 0x2008_0522
_MOST_DESCRIPTORS = 256


def become_nobody(ground: Ground) -> str:
    """Become the unprivileged user, where this is root and that user can read what is needed."""
    if os.geteuid() != 0:
        return f"user {os.geteuid()}"
    if not ground.uid:
        raise CannotRaise("it runs as root, and no other user is named")
    with lifeline.kept():
        unreadable = _unreadable(ground)
        if unreadable:
            raise CannotRaise(f"it runs as root, since user {ground.uid} cannot read {unreadable}")
        os.setgroups([])
        os.setresgid(ground.uid, ground.uid, ground.uid)
        os.setresuid(ground.uid, ground.uid, ground.uid)
    return f"user {ground.uid}"


def drop(_: Ground) -> str:
    """Drop every capability, for good, and close this process to others."""
    machine = kernel.machine()
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    with contextlib.suppress(OSError):  # EINVAL behind the last; EPERM for who has none anyway
        for capability in range(64):
            kernel.prctl(kernel.PR_CAPBSET_DROP, capability)
    with contextlib.suppress(OSError):  # Linux before 4.3 has no such set
        kernel.prctl(kernel.PR_CAP_AMBIENT, kernel.PR_CAP_AMBIENT_CLEAR_ALL)
    kernel.syscall(_CAPSET[machine], struct.pack("=II", _CAPABILITY_VERSION_3, 0), bytes(24))
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return f"no capabilities, not traceable, no core, {most} descriptors"


def _unreadable(ground: Ground) -> Path | None:
    """The first of what is needed that the user cannot read."""
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(ground.uid)
    os.seteuid(ground.uid)
    try:
        for path in ground.readable:
            if not os.access(path, os.R_OK, effective_ids=True):
                return path
        return None
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)

"""Namespaces: a network without a way out, no list of processes, no file system to write to.

Rules: needs root or, where the system lets users have namespaces of their own, nobody in
particular. What it holds seccomp and Landlock hold too; it stands where one of them fell.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from edgemesh_executor_pywasm.walls import kernel, lifeline
from edgemesh_executor_pywasm.walls.wall import CannotRaise, Ground

_UNSHARE = {"x86_64": 272, "aarch64": 97}
_MOUNT_SETATTR = 442
_NEW_MOUNTS, _NEW_IPC, _NEW_NETWORK, _NEW_USER = 0x2_0000, 0x800_0000, 0x4000_0000, 0x1000_0000

_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_REC, _MS_PRIVATE = 0x4000, 0x4_0000
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_MOUNT_ATTR_RDONLY, _MOUNT_ATTR_NOSUID = 1, 2


def enter(_: Ground) -> str:
    """Leave the machine's network, IPC and mounts for empty or read-only ones."""
    unshare = _UNSHARE[kernel.machine()]
    wanted = _NEW_NETWORK | _NEW_IPC | _NEW_MOUNTS
    if os.geteuid() == 0:
        try:
            kernel.syscall(unshare, wanted)
        except OSError as error:
            raise CannotRaise(f"the system refuses them: {error.strerror}") from None
    else:
        _as_user(unshare, wanted)
    try:
        _hide()
    except OSError as error:
        raise CannotRaise(f"no network, but no mounts of its own: {error.strerror}") from None
    return "no network, no /proc, all else read-only"


def _as_user(unshare: int, wanted: int) -> None:
    """The same in a user namespace, in which this user is itself and nobody else is anybody."""
    uid, gid = os.geteuid(), os.getegid()
    try:
        with lifeline.kept():
            kernel.syscall(unshare, wanted | _NEW_USER)
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{uid} {uid} 1"),
            ("gid_map", f"{gid} {gid} 1"),
        ):
            Path("/proc/self", name).write_text(text)
    except OSError as error:
        raise CannotRaise(f"the system gives users none: {error.strerror}") from None


def _hide() -> None:
    kernel.mount("none", "/", "", _MS_REC | _MS_PRIVATE)  # nothing of this comes back to others
    read_only = struct.pack("=QQQQ", _MOUNT_ATTR_RDONLY | _MOUNT_ATTR_NOSUID, 0, 0, 0)
    kernel.syscall(_MOUNT_SETATTR, _AT_FDCWD, b"/", _AT_RECURSIVE, read_only, len(read_only))
    kernel.mount("none", "/proc", "tmpfs", _MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)

"""Landlock: of all files only those that are needed can be opened, and those only be read.

Rules: whatever this kernel's version of Landlock can deny is denied; then reading is allowed below
the folders that are needed. From version 4 on TCP is denied too, from 6 on signals to processes
outside and abstract sockets. It binds the threads that start afterwards, and cannot be undone.
See landlock(7) and the kernel's userspace-api/landlock.rst; the numbers are of linux/landlock.h.
"""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path

from edgemesh_executor_pywasm.walls import kernel
from edgemesh_executor_pywasm.walls.wall import CannotRaise, Ground

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # on every machine
_VERSION = 1  # a flag: tell the version
_PATH_BENEATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3

_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""From this version on, so many of the rights to files are known."""
_TCP_FROM, _TCP = 4, 0b11  # bind, connect
_SCOPES_FROM, _SCOPES = 6, 0b11  # abstract sockets, signals


def version() -> int:
    """This kernel's version of Landlock; 0: none."""
    try:
        return kernel.syscall(_CREATE_RULESET, None, 0, _VERSION)
    except (OSError, CannotRaise):
        return 0


def ruleset(version: int) -> bytes:
    """What is denied: a `struct landlock_ruleset_attr` as long as this version knows it."""
    known = max(rights for since, rights in _FILE_RIGHTS.items() if since <= version)
    words = [(1 << known) - 1]
    if version >= _TCP_FROM:
        words.append(_TCP)
    if version >= _SCOPES_FROM:
        words.append(_SCOPES)
    return struct.pack(f"={len(words)}Q", *words)


def restrict(ground: Ground) -> str:
    """Restrict this thread and all that it starts."""
    found = version()
    if not found:
        raise CannotRaise("this kernel has none, or has it switched off")
    denied = ruleset(found)
    rules = kernel.syscall(_CREATE_RULESET, denied, len(denied), 0)
    try:
        for path in ground.readable:
            _allow(rules, path)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        kernel.syscall(_RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)
    more = [
        *(["no TCP"] if found >= _TCP_FROM else []),
        *(["no signals to others"] if found >= _SCOPES_FROM else []),
    ]
    return ", ".join([f"version {found}: reads {len(ground.readable)} places", *more])


def _allow(rules: int, path: Path) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rights = _READ_FILE
        if stat.S_ISDIR(os.fstat(place).st_mode):
            rights |= _READ_DIR
        kernel.syscall(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)

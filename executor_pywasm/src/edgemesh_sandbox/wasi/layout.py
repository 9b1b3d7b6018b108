"""Layouts and flags of WASI preview 1, as its witx files lay them out for wasm32."""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag

VECTOR = struct.Struct("<II")  # address, length
FDSTAT = struct.Struct("<BxH4xQQ")  # file type, flags, rights, inherited rights
FILESTAT = struct.Struct("<QQB7xQQQQQ")  # device, inode, type, links, size, access, change, status
PRESTAT = struct.Struct("<B3xI")  # kind, length of the name
DIRENT = struct.Struct("<QQIB3x")  # next cookie, inode, length of the name, type
SUBSCRIPTION = struct.Struct("<QB7xI4xQQH6x")  # userdata, tag, clock or fd, time, precision, flags
EVENT = struct.Struct("<QHB5xQH6x")  # userdata, error, type, bytes, flags

ALL_RIGHTS = (1 << 30) - 1


class FileType(IntEnum):
    """What a descriptor or a name stands for."""

    UNKNOWN = 0
    CHARACTER_DEVICE = 2
    DIRECTORY = 3
    REGULAR_FILE = 4


class Rights(IntFlag):
    """The rights that say how a file is opened; the others are always there."""

    FD_READ = 1 << 1
    FD_WRITE = 1 << 6


class OpenFlags(IntFlag):
    """What `path_open` is to do about a file that is there, or is not."""

    CREATE = 1
    DIRECTORY = 2
    EXCLUSIVE = 4
    TRUNCATE = 8


class DescriptorFlags(IntFlag):
    """The one flag of a descriptor that changes anything here."""

    APPEND = 1


class TimeFlags(IntFlag):
    """Which of the times are set, and whether to now."""

    ACCESS = 1
    ACCESS_NOW = 2
    CHANGE = 4
    CHANGE_NOW = 8


class Clock(IntEnum):
    """The clocks."""

    REALTIME = 0
    MONOTONIC = 1
    PROCESS_CPU = 2
    THREAD_CPU = 3


class Poll(IntEnum):
    """What a subscription waits for."""

    CLOCK = 0
    READ = 1
    WRITE = 2

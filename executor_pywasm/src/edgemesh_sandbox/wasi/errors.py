"""WASI's error numbers, and the exception that carries one to the edge of the host.

Rules: raised and caught on the host's side only; a guest sees the number.
"""

from __future__ import annotations

from enum import IntEnum


class Errno(IntEnum):
    """The error numbers that are answered here (witx: errno)."""

    SUCCESS = 0
    BADF = 8
    BUSY = 10
    EXIST = 20
    FAULT = 21
    ILSEQ = 25
    INVAL = 28
    ISDIR = 31
    MFILE = 33
    NAMETOOLONG = 37
    NOENT = 44
    NOSPC = 51
    NOTDIR = 54
    NOTEMPTY = 55
    NOTSOCK = 57
    PERM = 63
    ROFS = 69
    SPIPE = 70


class WasiError(Exception):
    """A call that ends with an error number."""

    def __init__(self, errno: Errno) -> None:
        super().__init__(errno.name)
        self.errno = errno


class ProgramExit(Exception):
    """The guest wants to end itself, with `status`."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status

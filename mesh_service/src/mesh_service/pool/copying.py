"""Addresses of buffers, and copies that let the interpreter go on.

Assigning one memoryview to another holds the interpreter's lock for the whole copy. ``memmove``
called through ctypes does not, and it is as fast as the machine allows (``pwrite`` to a memfd
takes twice as long). The buffers stay exported while it runs, so that their memory cannot be
unmapped or freed under it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from .frames import Part
from .spec import Buffer

CACHE_LINE = 64


class _PyBuffer(ctypes.Structure):  # https://docs.python.org/3/c-api/buffer.html
    _fields_ = (
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.c_void_p),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("flags", ctypes.c_int * 2),  # readonly, ndim
        ("details", ctypes.c_void_p * 5),  # format, shape, strides, suboffsets, internal
    )


_get = ctypes.pythonapi.PyObject_GetBuffer
_get.argtypes = (ctypes.py_object, ctypes.POINTER(_PyBuffer), ctypes.c_int)
_get.restype = ctypes.c_int
_release = ctypes.pythonapi.PyBuffer_Release
_release.argtypes = (ctypes.POINTER(_PyBuffer),)
_release.restype = None


@contextmanager
def pinned(buffer: Buffer) -> Generator[int]:
    """Give the address of ``buffer``'s first byte; it stays valid within the block.

    Raises BufferError unless the buffer is C-contiguous.
    """
    view = _PyBuffer()
    _get(buffer, ctypes.byref(view), 0)
    try:
        yield view.buf or 0
    finally:
        _release(ctypes.byref(view))


def copy_all(jobs: Sequence[tuple[memoryview, Buffer]]) -> None:
    """Copy each source into its destination (as long, writable), without holding the lock."""
    for destination, source in jobs:
        with pinned(destination) as to, pinned(source) as origin:
            ctypes.memmove(to, origin, len(destination))


def as_bytes(buffer: Buffer) -> Buffer:
    """Give ``buffer`` so that its ``len`` is its size in bytes."""
    if isinstance(buffer, memoryview) and (buffer.itemsize != 1 or buffer.ndim != 1):
        return buffer.cast("B")
    return buffer


def arrange(parts: Sequence[Buffer], inline: int) -> tuple[list[Part | Buffer], int]:
    """Choose what travels in the frame (up to ``inline`` bytes in all) and what in a segment.

    Gives the parts, those for the segment as Part(0, offset, length), and the size that the
    segment must have, 0 when none is needed.
    """
    placed: list[Part | Buffer] = []
    at = 0
    for part in parts:
        length = len(part)
        if length <= inline:
            inline -= length
            placed.append(part)
        else:
            placed.append(Part(0, at, length))
            at += (length + CACHE_LINE - 1) & -CACHE_LINE
    return placed, at

"""Tidies the heap, so that a program writes to few pages.

An instance pays for each page that it writes first, and after all the imports the free blocks
of CPython's small-object allocator are strewn over the whole heap, so that a handful of new
objects would touch hundreds of pages. Rules: every hole is filled with ballast that stays; what
comes after, the runtime first of all, lies side by side in fresh arenas.
"""

from __future__ import annotations

import gc
import sys
from types import CodeType

from .arrays import view

_ALIGNMENT = 16
_LARGEST = 512  # larger blocks are malloc's
_ARENA_BYTES = 1 << 20
_AT_ONCE = 64
_BYTES_HEADER = 17  # of a `bytes` object, with its closing zero, on wasm32
_OBJECTS = 1 << 10  # no object lies below: a C program's memory begins with its stack or data
_MOST_WORDS = (1 << 31) - 1 >> 2  # as much as one array can span


def fill_holes() -> list[bytes]:
    """Fill every free block of every size class; the ballast, which must be kept.

    A size class opens a new arena only when it has neither a free block nor a free pool, so
    each is filled until it gives out addresses beyond all objects that there were. The largest
    comes first and takes up the free pools.
    """
    ballast: list[bytes] = []
    ceiling = max(map(id, gc.get_objects())) | (_ARENA_BYTES - 1)
    for size in range(_LARGEST, _ALIGNMENT, -_ALIGNMENT):
        while True:
            blocks = [bytes(size - _BYTES_HEADER) for _ in range(_AT_ONCE)]
            ballast += blocks
            if max(map(id, blocks)) > ceiling:
                break
    return ballast


def immortalize() -> int:
    """Make all objects immortal that can be reached now; how many.

    Counting a reference writes to the object's page. An immortal object (PEP 683) has its count
    left alone, so that a program that only uses what is in the image writes to half the pages.
    What is immortal is never freed: memory that is to be given back must be allocated afterwards.
    """
    words = memoryview(view(_OBJECTS, (_MOST_WORDS,), "uint32"))
    immortal = sys.getrefcount(None)
    if words[id(None) - _OBJECTS >> 2] != immortal:
        raise RuntimeError("the count of references is not where it was")
    count = 0
    reached: list[object] = []
    for container in gc.get_objects():
        words[id(container) - _OBJECTS >> 2] = immortal
        count += 1
        reached += gc.get_referents(container)
        while reached:
            item = reached.pop()
            if words[id(item) - _OBJECTS >> 2] == immortal or gc.is_tracked(item):
                continue
            words[id(item) - _OBJECTS >> 2] = immortal
            count += 1
            reached += _inside(item) if isinstance(item, CodeType) else gc.get_referents(item)
    return count


def _inside(code: CodeType) -> tuple[object, ...]:
    """What a code object refers to, which the collector does not know."""
    return (
        code.co_consts,
        code.co_names,
        code.co_varnames,
        code.co_filename,
        code.co_name,
        code.co_qualname,
        code.co_linetable,
        code.co_exceptiontable,
    )

"""Tidies the heap, so that a program writes to few pages.

An instance pays for each page that it writes first, and after all the imports the free blocks
of CPython's small-object allocator are strewn over the whole heap, so that a handful of new
objects would touch hundreds of pages. Rules: every hole is filled with ballast that stays; what
comes after, the runtime first of all, lies side by side in fresh arenas.
"""

from __future__ import annotations

import gc

_ALIGNMENT = 16
_LARGEST = 512  # larger blocks are malloc's
_ARENA_BYTES = 1 << 20
_AT_ONCE = 64
_BYTES_HEADER = 17  # of a `bytes` object, with its closing zero, on wasm32


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

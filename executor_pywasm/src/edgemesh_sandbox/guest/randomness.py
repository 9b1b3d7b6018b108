"""Where the state of the global random generators lies, for the host to fill.

Rules: generators that draw on `os.urandom` (`secrets`, `uuid4`, `numpy.random.default_rng`) are
fresh by themselves. `random` and `numpy.random` each keep one generator whose state lies in the
image; seeding them anew in every run takes longer than most programs, so the host writes random
bytes to the places that are found here, once, while the image is made. Both are Mersenne Twisters:
624 words, and the position of the next one (Modules/_randommodule.c of CPython,
numpy/random/src/mt19937/mt19937.h). The secret of string hashes is part of the image.
"""
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import random
from typing import Any

import numpy as np

from .arrays import view

_WORDS = 624
_WORD_BYTES = 4


def states() -> list[tuple[int, int]]:
    """For each generator the addresses of its words and of its position."""
    random.seed()
    random.random()  # noqa: S311 - moves the position
    *words, position = random.getstate()[1]
    np.random.seed()
    generator: Any = np.random.mtrand._rand._bit_generator
    state = generator.state["state"]
    inside: Any = random._inst
    return [
        _find(inside, np.array(words, "<u4"), position, -_WORD_BYTES),
        _find(generator, state["key"].astype("<u4"), state["pos"], _WORDS * _WORD_BYTES),
    ]


def _find(generator: Any, words: Any, position: int, after: int) -> tuple[int, int]:
    """Where `words` lie, and `position`, which lies so many bytes after them."""
    size = type(generator).__basicsize__
    body = view(id(generator), (size,), "uint8").tobytes()
    at = body.find(words.tobytes())
    if at < 0 or body[at + after : at + after + _WORD_BYTES] != position.to_bytes(4, "little"):
        raise RuntimeError(f"the state of {type(generator).__name__} is not where it was")
    position = at + after
    return id(generator) + at, id(generator) + position

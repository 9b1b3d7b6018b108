"""Fresh random numbers for every program, although all start from one image.

Rules: generators that draw on `os.urandom` (`secrets`, `uuid4`, `numpy.random.default_rng`) are
fresh by themselves; the two global ones, whose state lies in the image, are refilled here. The
secret of string hashes is part of the image and cannot be changed.
"""
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import os
import random

import numpy as np

from .arrays import view

_KEY_BYTES = 624 * 4
_EXHAUSTED = 624


class GlobalState:
    """The state of `numpy.random`'s global generator, as memory.

    Its setter takes a tenth of a millisecond, and seeding anew a whole one, so the state (624
    words and a position: numpy/random/src/mt19937/mt19937.h) is found in the object's memory
    once, while the image is made, and written directly.
    """

    def __init__(self) -> None:
        np.random.seed()
        generator = np.random.mtrand._rand._bit_generator
        key = generator.state["state"]["key"].astype("<u4").tobytes()
        size = type(generator).__basicsize__
        body = view(id(generator), (size,), "uint8")
        at = body.tobytes().find(key)
        if at < 0:
            raise RuntimeError("the state of numpy.random is not where it was")
        self._key = body[at : at + _KEY_BYTES]
        self._position = body[at + _KEY_BYTES : at + _KEY_BYTES + 4].view("<i4")
        if self._position[0] != generator.state["state"]["pos"]:
            raise RuntimeError("the position of numpy.random is not where it was")

    def refill(self) -> None:
        """Draw a new state."""
        self._key[:] = np.frombuffer(os.urandom(_KEY_BYTES), np.uint8)
        self._position[0] = _EXHAUSTED


def refresher() -> object:
    """A function that makes both global generators fresh."""
    state = GlobalState()

    def refresh() -> None:
        random.seed()
        state.refill()

    return refresh

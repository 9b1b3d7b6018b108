"""What pictures and sounds all peers get: the same bytes, made without any library."""

from __future__ import annotations

import math
import random
from array import array

RATE = 16_000


def picture(height: int, width: int, number: int) -> bytes:
    """Rows of RGB that look like nothing."""
    return random.Random(number).randbytes(height * width * 3)


def sound(seconds: float) -> bytes:
    """Float32 samples at 16 kHz: a tone that wavers."""
    count = int(seconds * RATE)
    return array(
        "f", (0.3 * math.sin(i / 20 + 9 * math.sin(i / RATE * 5)) for i in range(count))
    ).tobytes()

"""Ids of jobs and of those who run them: 32 hexadecimal digits.

Rules: a job's id begins with the time, then counts, so that those of one gateway sort as they were
made; the rest is random, so that nobody guesses one.
"""

from __future__ import annotations

import itertools
import os
import time

_count = itertools.count()


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def job_id(at_ms: int) -> str:
    """A new job's."""
    return f"{at_ms:012x}{next(_count) & 0xFFFF:04x}{os.urandom(8).hex()}"


def owner_id() -> str:
    """A new owner's: one for each life of a gateway."""
    return os.urandom(16).hex()

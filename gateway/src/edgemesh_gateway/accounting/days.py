"""Days of UTC, as callers write them: 2026-01-31."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache

DAY_S = 86_400
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def of(unix_s: float) -> str:
    """The day of a time."""
    return _named(int(unix_s // DAY_S))


@lru_cache(maxsize=8)
def _named(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_S, UTC).strftime("%Y-%m-%d")


def is_day(text: str) -> bool:
    """Whether there is such a day."""
    if not _DAY.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True

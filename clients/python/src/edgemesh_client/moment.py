"""The contract's times."""

from __future__ import annotations

import datetime as dt


def moment(ms: int) -> dt.datetime:
    """A time of the contract's."""
    return dt.datetime.fromtimestamp(ms / 1000, dt.UTC)

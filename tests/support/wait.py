"""Waiting for something to become so: the only place where tests sleep."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

T = TypeVar("T")

BOUND_S = 100.0
"""Generous: a bound against hanging, not a measurement."""
_EVERY_S = 0.02


async def until(condition: Callable[[], T | Awaitable[T]], what: str, within: float = BOUND_S) -> T:
    """Ask again and again until `condition` gives something true; gives that.

    Fails with `what` after `within` seconds.
    """
    end = time.monotonic() + within
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return cast("T", value)
        assert time.monotonic() < end, f"not within {within:g} s: {what}"
        await asyncio.sleep(_EVERY_S)

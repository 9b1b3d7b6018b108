"""Ctrl-C, also where it comes in a moment in which Python loses it.

Rules: in a finaliser the exception of a signal is told and ignored. So it is kept, too, and a
command that goes on until then looks each time whether it came.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interrupts() -> Generator[Callable[[], None]]:
    """Gives what raises KeyboardInterrupt where one has come; only for the main thread."""
    came = False

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal came
        came = True
        raise KeyboardInterrupt

    def check() -> None:
        if came:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)

"""Signals that come while a guest runs are handled when it has stopped.

Rules: Python runs a signal's handler on the main thread between two steps, and so also on the way
into a callback from native code. A handler that raises there (Ctrl-C does) leaves the native
caller without an answer, and the process dies of it. So, on the main thread, handlers are put off:
a signal stops the run, and then its own handler is called.
"""

from __future__ import annotations

import importlib
import signal
import threading
import time
from types import FrameType
from typing import Any, cast

from edgemesh_sandbox.watch import Cancelled

_PUT_OFF = tuple(
    int(getattr(signal, name)) for name in ("SIGINT", "SIGTERM", "SIGALRM") if hasattr(signal, name)
)
"""Those whose handlers raise, as a rule."""
_SLICE_S = 0.02
_native: Any = cast(Any, importlib.import_module("_signal"))
"""What `signal` wraps: it makes an enumeration's member of each answer, in some microseconds."""


class PutOff:
    """Puts handlers off within its block; what it is also tells a run to stop."""

    def __init__(self, cancelled: Cancelled | None) -> None:
        self._cancelled = cancelled
        self._handlers: dict[int, Any] = {}
        self._caught: list[tuple[int, FrameType | None]] = []

    def __enter__(self) -> Cancelled | None:
        """What tells the run to stop; the caller's own where no handler had to be put off."""
        if threading.current_thread() is not threading.main_thread():
            return self._cancelled
        for number in _PUT_OFF:
            handler = _native.getsignal(number)
            if callable(handler):
                self._handlers[number] = handler
                _native.signal(number, self._catch)
        return self if self._handlers else self._cancelled

    def __exit__(self, *_: object) -> None:
        """Put the handlers back, and call those whose signals came."""
        for number, handler in self._handlers.items():
            _native.signal(number, handler)
        for number, frame in self._caught:
            self._handlers[number](number, frame)

    def is_set(self) -> bool:
        """Whether a signal came, or the caller wants to stop."""
        return bool(self._caught) or (self._cancelled is not None and self._cancelled.is_set())

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for that, in slices that see both."""
        until = None if timeout is None else time.monotonic() + timeout
        while not self.is_set():
            left = _SLICE_S if until is None else min(until - time.monotonic(), _SLICE_S)
            if left <= 0:
                break
            if self._cancelled is not None:
                self._cancelled.wait(left)
            else:
                time.sleep(left)
        return self.is_set()

    def _catch(self, number: int, frame: FrameType | None) -> None:
        self._caught.append((number, frame))

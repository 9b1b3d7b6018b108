"""An instance made and warmed ahead, off any program's path.

Rules: at most one waits, made on a thread of its own when nothing has run for a moment: while
programs come one upon the other it would only compete with them, and whoever finds none makes
one. Who comes while it is being made waits for it, which is shorter than making another. Warming
runs an empty program, which copies the pages that every program writes and draws fresh random
numbers; nothing of a caller's is in it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

from edgemesh_sandbox.frame import Frame
from edgemesh_sandbox.instance import Instance
from edgemesh_sandbox.interpreter import Interpreter
from edgemesh_sandbox.limits import Limits
from edgemesh_sandbox.stack import deep_thread

_QUIET_S = 0.002
_WARMING_S = 30.0
_LIMITS = Limits()
_EMPTY = Frame("", {}, "")


class Spare:
    """Keeps one instance ready."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._changed = threading.Condition()
        self._ready: Instance | None = None
        self._making = False
        self._running = 0
        self._idle_since = float("-inf")
        self._failed = False
        self._closed = False
        self._thread = deep_thread(self._work, "spare")
        self._thread.start()

    @contextmanager
    def instance(self) -> Generator[Instance]:
        """A fresh instance for one program: the one that waits or is being made, else a new one."""
        with self._changed:
            self._running += 1
            self._changed.wait_for(lambda: not self._making)
            ready, self._ready = self._ready, None
        try:
            instance = ready or Instance(self._interpreter)
            try:
                yield instance
            finally:
                instance.close()
        finally:
            with self._changed:
                self._running -= 1
                self._idle_since = time.monotonic()
                self._failed = False
                self._changed.notify_all()

    def close(self) -> None:
        """Stop, and close the instance that waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()
        if self._ready is not None:
            self._ready.close()

    def _work(self) -> None:
        while self._quiet():
            instance = self._warmed()
            with self._changed:
                self._ready, self._failed = instance, instance is None
                self._making = False
                self._changed.notify_all()

    def _quiet(self) -> bool:
        """Wait until one is wanted and nothing has run for a moment; False: to be closed."""
        with self._changed:
            while not self._closed:
                if self._ready or self._running or self._failed:
                    self._changed.wait()
                    continue
                left = self._idle_since + _QUIET_S - time.monotonic()
                if left <= 0:
                    self._making = True
                    return True
                self._changed.wait(left)
            return False

    def _warmed(self) -> Instance | None:
        """A warmed instance; None if it failed: the next caller makes one and meets the error."""
        instance: Instance | None = None
        try:
            instance = Instance(self._interpreter)
            instance.run(_EMPTY, _LIMITS, time.monotonic() + _WARMING_S)
        except Exception:
            if instance is not None:
                instance.close()
            return None
        return instance

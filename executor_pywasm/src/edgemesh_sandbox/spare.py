"""The instance that is kept between programs, and made ready off any program's path.

Rules: at most one is kept; when several programs run at once the others make instances of their
own. One that has run a program is *used*: it is restored before anything else may run in it, or
thrown away where it cannot be (see `Instance.restore`). That happens when the embedder says that
there is time for it (`prepare`), or in the background when nothing has run for a moment, or at
the latest when the next program comes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

from edgemesh_sandbox.base import Base
from edgemesh_sandbox.frame import Frame
from edgemesh_sandbox.instance import Instance
from edgemesh_sandbox.limits import Limits
from edgemesh_sandbox.stack import deep_thread

_QUIET_S = 0.002
_WARMING_S = 30.0
_LIMITS = Limits()
_EMPTY = Frame("", {}, "")
_GOING_ON = Frame("", {}, "", file="main.py")


class Spare:
    """Keeps one instance; with `background`, a thread of its own makes it ready."""

    def __init__(self, base: Base, *, background: bool) -> None:
        self._base = base
        self._changed = threading.Condition()
        self._ready: Instance | None = None
        self._used: Instance | None = None
        self._preparing = False
        self._running = 0
        self._idle_since = time.monotonic()
        self._asleep = False
        self._failed = False
        self._closed = False
        self._thread = deep_thread(self._work, "spare") if background else None
        if self._thread:
            self._thread.start()

    @contextmanager
    def instance(self) -> Generator[Instance]:
        """A fresh instance for one program: the one that is kept, else a new one."""
        with self._changed:
            self._running += 1
            self._changed.wait_for(lambda: not self._preparing)
            ready, self._ready = self._ready, None
            used, self._used = self._used, None
        try:
            instance = ready or self._fresh(used)
            try:
                yield instance
            finally:
                self._keep(instance)
        finally:
            with self._changed:
                self._running -= 1
                self._idle_since = time.monotonic()
                self._failed = False
                if self._asleep:
                    self._changed.notify_all()

    def prepare(self) -> None:
        """Make an instance ready now, if none is: call it from the thread that runs programs."""
        with self._changed:
            if self._ready or self._preparing or self._failed or self._closed:
                return
            self._preparing = True
            used, self._used = self._used, None
        instance: Instance | None = None
        try:
            instance = self._fresh(used, warm=True)
        except Exception:
            instance = None  # the next program makes one and meets the error
        finally:
            with self._changed:
                self._ready, self._failed = instance, instance is None
                self._preparing = False
                self._changed.notify_all()

    def close(self) -> None:
        """Stop, and close the instance that is kept."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread:
            self._thread.join()
        for instance in (self._ready, self._used):
            if instance:
                instance.close()

    def _keep(self, instance: Instance) -> None:
        with self._changed:
            if self._used is None and not self._closed and instance.restorable:
                self._used = instance
                return
        instance.close()

    def _fresh(self, used: Instance | None, *, warm: bool = False) -> Instance:
        """The used one restored, or a new one; `warm`: one that has its pages already."""
        if used is not None:
            if used.restore():
                return used
            used.close()
        instance = self._new()
        if warm and not self._base.hot:
            # The first of all shows what a program writes to; nothing of a caller's is in it.
            try:
                snapshot = self._base.snapshot
                frame = _EMPTY if snapshot is None else _GOING_ON
                world = snapshot.world() if snapshot is not None else None
                instance.run(frame, _LIMITS, time.monotonic() + _WARMING_S, world=world)
                if instance.restore():
                    return instance
            except BaseException:
                instance.close()
                raise
            instance.close()
            return self._new()
        return instance

    def _new(self) -> Instance:
        return Instance(self._base.interpreter, self._base)

    def _work(self) -> None:
        while self._quiet():
            self.prepare()

    def _quiet(self) -> bool:
        """Wait until one is wanted and nothing has run for a moment; False: to be closed."""
        with self._changed:
            while not self._closed:
                if self._ready or self._running or self._failed:
                    self._asleep = True  # only then need those who change something say so
                    self._changed.wait()
                    self._asleep = False
                    continue
                left = self._idle_since + _QUIET_S - time.monotonic()
                if left <= 0:
                    return True
                self._changed.wait(left)
            return False

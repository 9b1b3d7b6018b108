"""The snapshots that programs were started from lately, each with an instance that is warm.

Rules: the least lately used goes first, when all together are over their bytes; one that a program
runs on stays. The first program on a snapshot finds none and pays for it, some milliseconds.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager

from edgemesh_sandbox.base import Base
from edgemesh_sandbox.interpreter import Interpreter
from edgemesh_sandbox.snapshot import Snapshot
from edgemesh_sandbox.spare import Spare


class _Kept:
    def __init__(self, interpreter: Interpreter, snapshot: Snapshot, background: bool) -> None:
        self.nbytes = snapshot.nbytes
        self.base = Base(interpreter, snapshot)
        self.spare = Spare(self.base, background=background)
        self.users = 0

    def close(self) -> None:
        self.spare.close()
        self.base.close()


class HotSnapshots:
    """Spares by snapshot, at most `nbytes` of them and at most `count`."""

    def __init__(
        self, interpreter: Interpreter, *, nbytes: int, count: int = 16, background: bool
    ) -> None:
        self._interpreter, self._background = interpreter, background
        self._most, self._count = nbytes, count
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._last: _Kept | None = None

    @contextmanager
    def spare(self, snapshot: Snapshot) -> Generator[Spare]:
        """Where a program on this one gets its instance. Raises `SnapshotError`."""
        key = snapshot.digest
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                kept = self._kept[key] = _Kept(self._interpreter, snapshot, self._background)
            self._kept.move_to_end(key)
            kept.users += 1
            self._shrink()
        try:
            yield kept.spare
        finally:
            with self._lock:
                kept.users -= 1
                self._last = kept

    def prepare(self) -> None:
        """Make the next instance of the one that was used last."""
        with self._lock:
            last, self._last = self._last, None
            if last is None or last not in self._kept.values():
                return
            last.users += 1
        try:
            last.spare.prepare()
        finally:
            with self._lock:
                last.users -= 1

    def close(self) -> None:
        """Free all; no program may be running."""
        for kept in self._kept.values():
            kept.close()
        self._kept.clear()

    def _shrink(self) -> None:
        total = sum(kept.nbytes for kept in self._kept.values())
        for key, kept in list(self._kept.items())[:-1]:
            if total <= self._most and len(self._kept) <= self._count:
                return
            if not kept.users:
                del self._kept[key]
                kept.close()
                total -= kept.nbytes

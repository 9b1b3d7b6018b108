"""The clock of the pool: deadlines and memory of the calls that run.

One timer for all workers, which is armed by a call and goes to sleep with the last one, so that
a call costs no timer of its own and an idle pool costs nothing.
"""

from __future__ import annotations

import asyncio
import math
import time

from .roster import Roster
from .spec import ExitReason, Verdict
from .worker import Worker

INTERVAL = 0.02
REST_AFTER = 30.0
_TRIM_TO = 16 << 20


class Watch:
    """Looks at every busy worker each ``INTERVAL``; lets idle ones rest once, a while later."""

    def __init__(self, roster: Roster, memory_bytes: int) -> None:
        self._roster = roster
        self._most = memory_bytes
        self._timer: asyncio.TimerHandle | None = None
        self._watching = False

    def arm(self) -> None:
        """Watch, until no call runs."""
        if not self._watching:
            self.stop()
            self._watching = True
            self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._tick)

    def stop(self) -> None:
        """Cease."""
        self._watching = False
        if self._timer:
            self._timer.cancel()

    def _tick(self) -> None:
        now = time.monotonic()
        busy = [worker for worker in self._roster if worker.load]
        for worker in busy:
            _check_time(worker, now)
            _check_memory(worker, self._most)
        loop = asyncio.get_running_loop()
        self._watching = bool(busy)
        if busy:
            deadlines = (flight.kill_at for worker in busy for flight in worker.flights.values())
            pause = min(INTERVAL, max(0.001, min(deadlines, default=math.inf) - now))
            self._timer = loop.call_later(pause, self._tick)
        else:
            self._timer = loop.call_later(REST_AFTER, self._rest)

    def _rest(self) -> None:
        self._roster.rest()
        for worker in self._roster:
            worker.arena.trim(_TRIM_TO)


def _check_time(worker: Worker, now: float) -> None:
    late = [flight for flight in worker.flights.values() if now >= flight.kill_at]
    if late:
        worker.end(ExitReason.TIMEOUT, "a call ran over its time", Verdict.TIMEOUT, late)


def _check_memory(worker: Worker, most: int) -> None:
    private, growth = worker.measure()
    limits = [flight.work.memory_bytes for flight in worker.flights.values()]
    over = most and private > most
    if limits and (over or (all(limits) and growth > sum(limits))):
        worker.end(ExitReason.MEMORY, f"held {private} bytes", Verdict.MEMORY_LIMIT)

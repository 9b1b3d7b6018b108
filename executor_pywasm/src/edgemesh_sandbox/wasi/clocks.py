"""The clocks that a guest sees.

    HostClock     this machine's
    FixedClock    one that counts: the same readings in every run, on every machine

Rules: nanoseconds; the monotonic clock of every run starts an hour after the image's did, which
was made in less, so that no time that lies in an image is in a run's future. Sleeping belongs
to the clock: on the fixed one it takes no time of the world's.
"""
# ruff: noqa: D102 - `GuestClock` says it

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol

from edgemesh_sandbox.wasi.layout import Clock

SECOND = 1_000_000_000
FIXED_START = 1_767_225_600 * SECOND
"""Where the fixed clock starts: 2026-01-01T00:00:00Z."""
RUN_UPTIME = 3600 * SECOND
"""Where the monotonic clock of a run starts."""

_READING = 1_000  # by which each reading moves the fixed clock on


class Sleeper(Protocol):
    """What can sleep, and knows when to stop."""

    def sleep_until(self, moment: float) -> None:
        """Sleep, on `time.monotonic()`'s clock, or shorter when the run is to stop."""
        ...

    def should_stop(self) -> bool:
        """Whether the run is to stop."""
        ...


class GuestClock(Protocol):
    """The clocks of one run."""

    def begin(self) -> None:
        """The program goes on, perhaps on another thread."""
        ...

    def state(self) -> dict[str, int]:
        """What makes these clocks go on elsewhere."""
        ...

    def read(self, clock: Clock) -> int:
        """The time on `clock`, as the guest asked for it."""
        ...

    def stamp(self) -> int:
        """The time of day for a file that is touched; moves nothing."""
        ...

    def wait_for(self, clock: Clock, moment: int) -> int:
        """How long it is until `moment` on `clock`; negative if it is over."""
        ...

    def sleep(self, sleeper: Sleeper, duration: int) -> None:
        """Let `duration` go by."""
        ...


class HostClock:
    """This machine's clocks. `state`: what one told before."""

    __slots__ = ("_cpu", "_cpu_before", "_cpu_read", "_origin")

    def __init__(self, uptime: int = RUN_UPTIME, state: Mapping[str, int] | None = None) -> None:
        if state is not None:  # what it was away counts, but never backwards
            uptime = state["monotonic"] + max(0, time.time_ns() - state["wall"])
        self._origin = time.monotonic_ns() - uptime
        self._cpu: int | None = None
        self._cpu_before = self._cpu_read = state["cpu"] if state is not None else 0

    def begin(self) -> None:
        self._cpu, self._cpu_before = None, self._cpu_read

    def state(self) -> dict[str, int]:
        monotonic = time.monotonic_ns() - self._origin
        return {"monotonic": monotonic, "wall": time.time_ns(), "cpu": self._cpu_read}

    def read(self, clock: Clock) -> int:
        if clock is Clock.MONOTONIC:
            return time.monotonic_ns() - self._origin
        if clock is Clock.REALTIME:
            return time.time_ns()
        now = time.thread_time_ns()
        if self._cpu is None:
            self._cpu = now
        self._cpu_read = now - self._cpu + self._cpu_before
        return self._cpu_read

    def stamp(self) -> int:
        return time.time_ns()

    def wait_for(self, clock: Clock, moment: int) -> int:
        return moment - self.read(clock)

    def sleep(self, sleeper: Sleeper, duration: int) -> None:
        sleeper.sleep_until(time.monotonic() + duration / SECOND)


class FixedClock:
    """Clocks that move by a fixed step with each reading, and by what is slept."""

    __slots__ = ("_elapsed", "_uptime")

    def __init__(self, uptime: int = RUN_UPTIME, state: Mapping[str, int] | None = None) -> None:
        self._uptime = uptime
        self._elapsed = state["elapsed"] if state is not None else 0

    def begin(self) -> None:
        pass

    def state(self) -> dict[str, int]:
        return {"elapsed": self._elapsed}

    def read(self, clock: Clock) -> int:
        self._elapsed += _READING
        return self._base(clock) + self._elapsed

    def stamp(self) -> int:
        return FIXED_START + self._elapsed

    def wait_for(self, clock: Clock, moment: int) -> int:
        return moment - self._base(clock) - self._elapsed

    def sleep(self, sleeper: Sleeper, duration: int) -> None:
        if not sleeper.should_stop():
            self._elapsed += max(duration, 0)

    def _base(self, clock: Clock) -> int:
        if clock is Clock.REALTIME:
            return FIXED_START
        return self._uptime if clock is Clock.MONOTONIC else 0

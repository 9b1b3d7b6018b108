"""Why and when one run is stopped from outside.

Rules: asked at every tick of the epoch and while the guest sleeps, always on the run's own
thread. The first reason found stays. Nothing here raises into Wasmtime.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import time
from typing import Any, Protocol, cast

import wasmtime
from wasmtime import _ffi as ffi  # stores' epoch callbacks are not in the public API

from edgemesh_sandbox.output import Output
from edgemesh_sandbox.result import Outcome

_SLICE_S = 0.02
"""How long a sleeping guest is left alone; it runs no code that could be interrupted."""


class Cancelled(Protocol):
    """What tells that the caller no longer wants the run; a `threading.Event` is one."""

    def is_set(self) -> bool:
        """Whether to stop."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for that."""
        ...


class Watch:
    """One run's deadline, its CPU time, its caller's wish, and its output's limit.

    Made on the thread that runs it.
    """

    __slots__ = ("_cancelled", "_cpu", "_deadline", "_output", "_streaming", "error", "stopped")

    def __init__(
        self,
        deadline: float,
        cancelled: Cancelled | None,
        output: Output,
        streaming: bool,
        cpu_ms: int = 0,
    ) -> None:
        self._deadline = deadline
        self._cpu = time.thread_time() + cpu_ms / 1e3 if cpu_ms else math.inf
        self._cancelled = cancelled
        self._output = output
        self._streaming = streaming
        self.stopped: Outcome | None = None
        """The reason, once there is one."""
        self.error: BaseException | None = None
        """What the embedder's callback or a signal's handler raised, if one did."""

    def should_stop(self) -> bool:
        """Look at everything; hands new output on while it is at it."""
        if self.stopped is not None:
            return True
        if self._streaming:
            try:
                self._output.take_log()
            except BaseException as error:
                self.fail(error)
                return True
        if self._output.exceeded:
            self.stopped = Outcome.OUTPUT_LIMIT
        elif self._cancelled is not None and self._cancelled.is_set():
            self.stopped = Outcome.CANCELLED
        elif time.monotonic() >= self._deadline:
            self.stopped = Outcome.TIMEOUT
        elif self._cpu is not math.inf and time.thread_time() >= self._cpu:
            self.stopped = Outcome.CPU_LIMIT
        return self.stopped is not None

    def exceed_calls(self) -> None:
        """End the run: it has called tools too often."""
        self.stopped = Outcome.CALL_LIMIT

    def fail(self, error: BaseException) -> None:
        """End the run because of an error that is not the guest's; it is raised after the run."""
        self.error = error
        self.stopped = Outcome.CANCELLED

    def sleep_until(self, moment: float) -> None:
        """Sleep, on `time.monotonic()`'s clock, or shorter when the run is to stop."""
        while not self.should_stop():
            left = min(moment, self._deadline) - time.monotonic()
            if left <= 0:
                if moment <= self._deadline:
                    return
                continue
            slice_s = min(left, _SLICE_S)
            if self._cancelled is not None:
                self._cancelled.wait(slice_s)
            else:
                time.sleep(slice_s)


_WATCHED: dict[int, Watch] = {}  # by the number that a store's callback is given
_NUMBERS = itertools.count(1)

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_size_t,
    ctypes.POINTER(ffi.wasmtime_context_t),
    ctypes.c_void_p,
    ctypes.POINTER(ctypes.c_uint64),
    ctypes.POINTER(ffi.wasmtime_update_deadline_kind_t),
)
_CONTINUE = 0  # WASMTIME_UPDATE_DEADLINE_CONTINUE of wasmtime/store.h
_STOPPED = ctypes.create_string_buffer(b"stopped")
_NO_FINALIZER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)()


@_Callback
def _on_epoch(_context: object, number: int, ticks: object, kind: object) -> int:
    """Go on for another tick (0), or end the run with an error."""
    watch = _WATCHED.get(number)
    try:
        stop = watch is not None and watch.should_stop()
    except BaseException as error:  # a signal's handler runs on this thread
        stop = watch is not None
        if watch is not None:
            watch.fail(error)
    if stop:
        error = cast(Any, ffi).wasmtime_error_new(_STOPPED)
        return ctypes.cast(error, ctypes.c_void_p).value or 0
    ticks[0] = 1  # type: ignore[index]
    kind[0] = _CONTINUE  # type: ignore[index]
    return 0


class EpochCallback:
    """Ties a store to the watch of the run that is in it."""

    __slots__ = ("_number",)

    def __init__(self, store: wasmtime.Store) -> None:
        self._number = next(_NUMBERS)
        ffi.wasmtime_store_epoch_deadline_callback(
            store.ptr(), _on_epoch, self._number, _NO_FINALIZER
        )
        store.set_epoch_deadline(1)

    def watch(self, watch: Watch) -> None:
        """From now on ask this one."""
        _WATCHED[self._number] = watch

    def close(self) -> None:
        """Ask nobody any more."""
        _WATCHED.pop(self._number, None)

"""The engine's clock: advances the epoch, by which running guests are interrupted.

Rules: one per engine, since an epoch reaches all of its stores; each store's own callback then
decides whether *its* run ends. It ticks only while something runs, so an idle process sleeps,
and a little longer, so that short runs in a row do not wake it each time.
"""

from __future__ import annotations

import threading
import time

import wasmtime

PERIOD_S = 0.005
"""How late a deadline or a cancellation may be seen."""

_LINGER_S = 0.5


class Ticker:
    """Ticks while at least one run holds it (`with ticker: …`)."""

    def __init__(self, engine: wasmtime.Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._holders = 0
        self._released = 0.0
        self._wanted = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None  # started by the first run

    def __enter__(self) -> None:
        with self._lock:
            self._holders += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._tick, name="epochs", daemon=True)
                self._thread.start()
            if not self._wanted.is_set():
                self._wanted.set()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._holders -= 1
            self._released = time.monotonic()

    def close(self) -> None:
        """Stop ticking for good."""
        self._closed = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _tick(self) -> None:
        while True:
            self._wanted.wait()
            if self._closed:
                return
            time.sleep(PERIOD_S)
            self._engine.increment_epoch()
            with self._lock:
                idle = not self._holders and time.monotonic() - self._released > _LINGER_S
                if idle and not self._closed:
                    self._wanted.clear()

"""The end of a call, as the pool's owner sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .spec import Verdict


@dataclass(slots=True, kw_only=True)
class Done:
    """What became of a call. ``buffers`` are views of shared memory: see :meth:`release`."""

    verdict: Verdict
    header: bytes = b""
    buffers: tuple[memoryview, ...] = ()
    """Read-only bytes, valid until :meth:`release` (the end of the ``async with`` block)."""
    started: bool = False
    """Whether the handler had begun; a call that had not may be tried elsewhere."""
    detail: str = ""
    """What the pool knows of a bad end; for logs, not for callers."""
    error_id: str = ""
    """With ERROR: names the traceback in the worker's log."""
    worker_pid: int = 0
    signal: int = 0
    """The signal that ended the worker, 0 if none."""
    exit_code: int = 0
    """The worker's exit code, if it exited."""
    peak_memory: int = 0
    """Bytes that the worker held over its idle state, at most, as sampled (every 20 ms; 0 for
    calls too short to be seen)."""
    cpu_us: int = 0
    """CPU time of the call, as the worker tells it; 0 when it died."""
    queue_us: int = 0
    """From the request to the worker that took it."""
    run_us: int = 0
    """From sending it to the worker, to the end."""
    on_release: Callable[[], None] | None = None

    def release(self) -> None:
        """Give the shared memory back; ``buffers`` must not be used any more. Idempotent."""
        release, self.on_release = self.on_release, None
        for view in self.buffers:
            view.release()
        self.buffers = ()
        if release is not None:
            release()

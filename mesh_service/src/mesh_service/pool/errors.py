"""What the pool raises to its owner.

    PoolError
    ├── PoolFull          the pool's queue has no place left; nothing ran
    ├── PoolUnavailable   no worker can be started; nothing ran
    ├── PoolClosed        the pool is stopping or was never started; nothing ran
    └── ProtocolError     a peer broke the protocol (internal: costs a worker its life)

What becomes of a call that was taken is a :class:`~mesh_service.pool.spec.Verdict`, never an
exception: after any of these the work did not run.
"""

from __future__ import annotations


class PoolError(Exception):
    """Base of the pool's errors."""


class PoolFull(PoolError):
    """The queue holds ``queue`` calls already."""

    def __init__(self, queue: int) -> None:
        super().__init__(f"the worker pool's queue is full ({queue} calls wait)")
        self.queue = queue


class PoolUnavailable(PoolError):
    """No worker is ready, and the last attempts to start one failed.

    ``error`` is the reason of the last failure (for logs and health, not for callers);
    ``retry_after`` is the number of seconds until the next attempt.
    """

    def __init__(self, error: str, retry_after: float) -> None:
        super().__init__(f"no worker can be started: {error}")
        self.error = error
        self.retry_after = retry_after


class PoolClosed(PoolError):
    """The pool is stopping, stopped or not yet started."""

    def __init__(self) -> None:
        super().__init__("the worker pool is closed")


class ProtocolError(PoolError):
    """A frame that the protocol does not allow; ``reason`` says which rule it broke."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

"""The worker pool: the one mechanism by which every executor runs work.

Rules of this package:
- it knows nothing of gRPC or protobuf: bytes and buffers go in and out;
- the front side (``pool``, ``worker``, ``watch``) is asyncio and never blocks; the child side
  (``child``, ``handler``) is synchronous and never imports the front side;
- a child's frames are untrusted: any that break the protocol cost that worker its life;
- shared memory is made, owned and bounded by the front alone;
- nothing runs while nothing is asked: an idle pool costs no CPU.

The front's process::

    pool = WorkerPool(PoolSpec(target="package.module:Handler", config={...}, workers=2))
    await pool.start()
    async with pool.run(Work(header=b"...", buffers=[data], run_time=5.0)) as done:
        if done.verdict is Verdict.DONE:
            use(done.header, done.buffers)      # buffers are valid until the end of the block
    await pool.stop(drain_seconds=5)

The worker's process: ``target`` is called with ``config`` and returns a
:class:`~mesh_service.pool.handler.Handler`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .call import Call
from .errors import PoolClosed, PoolError, PoolFull, PoolUnavailable
from .handler import BackCallFailed, EventsTooLarge, Handler, Reply, ReplyTooLarge
from .spec import (
    Buffer,
    ExitReason,
    PoolObserver,
    PoolSpec,
    PoolStatistics,
    Verdict,
    Work,
)

if TYPE_CHECKING:
    from .done import Done
    from .pool import WorkerPool
    from .region import Place, Region

__all__ = [
    "BackCallFailed",
    "Buffer",
    "Call",
    "Done",
    "EventsTooLarge",
    "ExitReason",
    "Handler",
    "Place",
    "PoolClosed",
    "PoolError",
    "PoolFull",
    "PoolObserver",
    "PoolSpec",
    "PoolStatistics",
    "PoolUnavailable",
    "Region",
    "Reply",
    "ReplyTooLarge",
    "Verdict",
    "Work",
    "WorkerPool",
]


def __getattr__(name: str) -> object:
    # The front side is imported on demand: a worker process, which imports this package for the
    # child side, must not pay for asyncio at every start.
    if name == "WorkerPool":
        from .pool import WorkerPool

        return WorkerPool
    if name in ("Place", "Region"):
        from . import region

        return getattr(region, name)
    if name == "Done":
        from .done import Done

        return Done
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

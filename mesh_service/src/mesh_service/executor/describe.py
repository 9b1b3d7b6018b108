"""What an executor says of itself, and when that changes.

Rules: algorithms come from the workers (only they load native code); each change has a revision of
its own, and what has not changed has none.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterable

from edgemesh.compute.v1 import compute_pb2
from edgemesh.executor.v1 import executor_pb2

from mesh_service import logs
from mesh_service.executor.respond import Identity
from mesh_service.executor.validate import Catalog
from mesh_service.settings import ExecutorSettings


class Description:
    """The executor as it is now."""

    def __init__(
        self, settings: ExecutorSettings, identity: Identity, program_namespaces: Iterable[str] = ()
    ) -> None:
        self.catalog = Catalog(())
        self._now = executor_pb2.DescribeResponse(
            name=identity.name,
            version=identity.version,
            pid=os.getpid(),
            program_namespaces=program_namespaces,
            capacity=executor_pb2.Capacity(
                workers=settings.workers, slots=settings.slots, queue=settings.queue
            ),
            resources=executor_pb2.Resources(
                cpus=len(os.sched_getaffinity(0)), memory_bytes=settings.memory_bytes
            ),
            default_run_time_ms=settings.default_run_time_ms,
            max_run_time_ms=settings.max_run_time_ms,
            default_limits=compute_pb2.Limits(
                **{name: default for name, (default, _) in settings.limits().items()}
            ),
        )
        self._change = asyncio.Event()

    def now(self) -> executor_pb2.DescribeResponse:
        """What Describe answers."""
        return self._now

    def publish(
        self,
        catalog: Catalog,
        walls: Iterable[executor_pb2.Wall] = (),
        plugins: Iterable[executor_pb2.Plugin] = (),
        build: executor_pb2.Build | None = None,
    ) -> None:
        """Offer this from now on."""
        self.catalog = catalog
        now = executor_pb2.DescribeResponse()
        now.CopyFrom(self._now)
        del now.algorithms[:], now.walls[:], now.plugins[:]
        now.ClearField("build")
        now.algorithms.extend(offer.algorithm for offer in catalog.each())
        now.walls.extend(walls)
        now.plugins.extend(plugins)
        if build is not None:
            now.build.CopyFrom(build)
        if now == self._now:
            return
        _tell(before=self._now.walls, walls=now.walls)
        now.revision += 1
        self._now = now
        self._change.set()
        self._change = asyncio.Event()
        logs.event("offers", algorithms=",".join(sorted({a.name for a in now.algorithms})))

    async def changed(self, seen: int) -> executor_pb2.DescribeResponse:
        """Wait until the revision is another than `seen`."""
        while self._now.revision == seen:
            await self._change.wait()
        return self._now


def _tell(before: Iterable[executor_pb2.Wall], walls: Iterable[executor_pb2.Wall]) -> None:
    """Log which walls stand around the workers, when that is news."""
    if {(wall.name, wall.stands) for wall in before} == {(w.name, w.stands) for w in walls}:
        return
    logs.event("walls stand", walls=",".join(wall.name for wall in walls if wall.stands))
    for wall in walls:
        if not wall.stands:
            logs.event("no wall", level=logging.WARNING, wall=wall.name, why=wall.detail)

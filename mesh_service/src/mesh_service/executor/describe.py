"""What an executor says of itself, and when that changes.

Rules: algorithms come from the workers (only they load native code) and are checked before they are
offered: a description that cannot be understood offers nothing and is logged.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Iterable

from edgemesh.compute.v1 import compute_pb2
from edgemesh.executor.v1 import executor_pb2
from google.protobuf.message import DecodeError
from jsonschema.exceptions import SchemaError

from mesh_service import logs
from mesh_service.executor.respond import Identity
from mesh_service.executor.validate import Catalog
from mesh_service.settings import ExecutorSettings


class BadDescription(Exception):
    """A worker described algorithms that cannot be offered."""


class Description:
    """The executor as it is now."""

    def __init__(self, settings: ExecutorSettings, identity: Identity) -> None:
        self.catalog = Catalog(())
        self._now = executor_pb2.DescribeResponse(
            name=identity.name,
            version=identity.version,
            pid=os.getpid(),
            capacity=executor_pb2.Capacity(
                workers=settings.workers, slots=settings.workers, queue=settings.queue
            ),
            resources=executor_pb2.Resources(cpus=len(os.sched_getaffinity(0))),
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

    def offer(self, described: bytes) -> None:
        """Take what a worker described. Raises BadDescription."""
        try:
            response = executor_pb2.DescribeResponse.FromString(described)
            catalog = Catalog(response.algorithms)
        except (DecodeError, SchemaError, json.JSONDecodeError) as error:
            raise BadDescription(str(error)) from error
        self.catalog = catalog
        now = executor_pb2.DescribeResponse()
        now.CopyFrom(self._now)
        del now.algorithms[:]
        now.algorithms.extend(response.algorithms)
        _tell(before=now.walls, walls=response.walls)
        del now.walls[:]
        now.walls.extend(response.walls)
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

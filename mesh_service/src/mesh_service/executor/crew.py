"""A crew: workers that are all alike, and what they offer.

Rules: an executor has one crew, or several where some work must never share a process with other
work; crews may come and go while it serves. What a crew's workers describe is untrusted: where it
cannot be understood nothing is offered, and that is logged.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from edgemesh.executor.v1 import executor_pb2
from google.protobuf.message import DecodeError
from jsonschema.exceptions import SchemaError

from mesh_service import logs
from mesh_service.executor.assign import Assignment
from mesh_service.executor.ground import Ground
from mesh_service.executor.validate import Catalog
from mesh_service.pool import ExitReason, PoolObserver, PoolSpec, WorkerPool
from mesh_service.settings import ExecutorSettings
from mesh_service.stack import Handler, Rpc

Services = Mapping[str, Mapping[str, tuple[str, Handler]]]
"""Methods by service, as a server is given them."""


class Crew(PoolObserver):
    """A pool and its offer. Its pool is to be started and stopped by whoever made it."""

    def __init__(self, spec: PoolSpec, name: str = "", *, vital: bool = False) -> None:
        """`name` tells it from others, in logs and metrics.

        `vital`: whether the executor is none without it.
        """
        self.name, self.vital = name, vital
        self.pool = WorkerPool(spec, self)
        self.catalog = Catalog(())
        """What it offers; empty until a worker has described itself."""
        self.walls: tuple[executor_pb2.Wall, ...] = ()
        """What its workers say that stands around them."""
        self.build: executor_pb2.Build | None = None
        """What its workers say that they compute with."""
        self.offers = False
        """Whether a worker has described something that can be offered."""
        self.ready = False
        """Whether there is a worker, or about to be one."""
        self._not_ready = self._not_offered = ""
        self.unfit = ""
        """Why a worker could not be made, where no other could: the line of a BadSetup."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when one of these has changed."""
        self._notes: dict[str, Any] = {"crew": name} if name else {}

    @property
    def error(self) -> str:
        """Why there is no worker, or nothing is offered."""
        return self._not_offered or self._not_ready

    @property
    def serves(self) -> bool:
        """Whether a request would find a worker."""
        return self.ready and self.offers

    async def begin(self, seconds: float) -> str:
        """Start its pool; why it does not serve within `seconds`, and is then stopped again."""
        error, settled = "", asyncio.Event()
        self.on_change = settled.set
        starting = asyncio.create_task(self.pool.start())
        try:
            async with asyncio.timeout(seconds):
                while not (self.serves or self.error):
                    await settled.wait()
                    settled.clear()
        except TimeoutError:
            error = f"no worker within {seconds:g} s"
        finally:
            error = error or self.error
            starting.cancel()
            if not self.serves:
                await self.pool.stop()
        return "" if self.serves else error

    def readiness(self, ready: bool, error: str) -> None:
        """Take note, and tell."""
        self.ready, self._not_ready = ready, error
        logs.event(
            "workers ready" if ready else "no worker",
            level=logging.INFO if ready or not self.pool.open else logging.ERROR,
            **self._notes,
            **({"error": error} if error else {}),
        )
        self.on_change()

    def described(self, description: bytes) -> None:
        """Offer what a worker describes."""
        try:
            response = executor_pb2.DescribeResponse.FromString(description)
            self.catalog = Catalog(response.algorithms, self.pool)
            self.walls = tuple(response.walls)
            self.build = response.build if response.HasField("build") else None
            self.offers, self._not_offered = True, ""
        except (DecodeError, SchemaError, json.JSONDecodeError) as error:
            self._not_offered = f"a description that cannot be offered: {error}"
            logs.event("bad description", level=logging.ERROR, **self._notes, error=str(error))
        self.on_change()

    def worker_ready(self, pid: int, start_us: int) -> None:
        """Log it."""
        logs.event("worker ready", **self._notes, pid=pid, ms=start_us // 1000)

    def worker_gone(self, pid: int, reason: ExitReason, detail: str) -> None:
        """Log it."""
        quiet = reason in (ExitReason.STOP, ExitReason.RECYCLE)
        logs.event(
            "worker gone",
            level=logging.INFO if quiet else logging.WARNING,
            **self._notes,
            pid=pid,
            why=reason.value,
            detail=detail,
        )
        if reason is ExitReason.UNFIT:
            self.unfit = detail
            self.on_change()


class Staff(Protocol):
    """All crews of an executor."""

    on_change: Callable[[], None]
    """To be called when the crews, what they offer, or `plugins` has changed."""

    @property
    def crews(self) -> Sequence[Crew]:
        """Those that there are, in the order of their offers: of equal names the last counts."""
        ...

    def plugins(self) -> Iterable[executor_pb2.Plugin]:
        """What crews were made of, and what was refused."""
        return ()

    @property
    def catalog(self) -> Catalog:
        """What is offered."""
        return Catalog.joined(crew.catalog for crew in self.crews if crew.offers)

    @property
    def serves(self) -> bool:
        """Whether a request would find a worker."""
        return any(crew.serves for crew in self.crews)

    @property
    def assignment(self) -> Assignment | None:
        """What finds a request's workers, where the offer alone does not tell them."""
        return None

    @property
    def ground(self) -> Ground | None:
        """What work may stand on beside what its workers have."""
        return None

    def services(self, authenticate: Callable[[Rpc], None]) -> Services:
        """Services of its own; `authenticate` raises unless a call may be served."""
        return {}

    async def start(self) -> None:
        """Return when what is at hand serves, or cannot."""
        ...

    async def stop(self) -> None:
        """End them all."""
        ...


class OneCrew(Staff):
    """The staff of an executor whose workers are all alike."""

    def __init__(self, spec: PoolSpec) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self._crew = Crew(spec, vital=True)
        self._crew.on_change = lambda: self.on_change()

    @property
    def crews(self) -> Sequence[Crew]:
        """The one."""
        return (self._crew,)

    async def start(self) -> None:
        """Return when a worker is ready."""
        await self._crew.pool.start()

    async def stop(self) -> None:
        """End the workers."""
        await self._crew.pool.stop()


def spec(
    settings: ExecutorSettings,
    runner: str,
    config: Mapping[str, Any],
    env: Mapping[str, str],
    resting: int = 0,
    *,
    prepared: bool = False,
) -> PoolSpec:
    """A crew's pool after the executor's settings; each worker makes `runner` with `config`.

    `prepared`: its workers are forked of a process that has imported the runner's module.
    """
    adapter = "mesh_service.executor.worker"
    return PoolSpec(
        target=f"{adapter}:adapt",
        prepared=(adapter, runner.partition(":")[0]) if prepared else (),
        config={"runner": runner, "config": dict(config)},
        workers=settings.workers,
        spares=settings.spares,
        resting=resting,
        lends=settings.lends,
        one_owner=settings.tenant_workers,
        queue=settings.queue,
        memory_bytes=settings.worker_memory_bytes,
        recycle_after=settings.recycle_after,
        grace=settings.grace_ms / 1e3,
        env=dict(env),
    )

"""An executor as a process: settings, pool, front, server.

Rules: listening before loading, serving when the first worker is ready and has described itself;
health follows the pool; on SIGTERM the front drains before the pool ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NoReturn, TypeVar

from edgemesh.executor.v1 import executor_pb2
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mesh_service import logs, server
from mesh_service.executor.describe import BadDescription
from mesh_service.executor.fan import Fan
from mesh_service.executor.front import Front
from mesh_service.executor.respond import Identity
from mesh_service.executor.shared_memory import SERVICE as SHARED_MEMORY
from mesh_service.pool import ExitReason, PoolObserver, PoolSpec, PoolStatistics, WorkerPool
from mesh_service.settings import ExecutorSettings

Settings = TypeVar("Settings", bound=ExecutorSettings)
SERVICE: str = executor_pb2.DESCRIPTOR.services_by_name["ExecutorService"].full_name


def _nothing(_: Any) -> dict[str, str]:
    return {}


@dataclass(frozen=True)
class Plan(Generic[Settings]):
    """What an executor adds to what all have."""

    runner: str
    """`module:Class` of its Runner; imported in workers only."""
    version: str
    """The executor's version."""
    config: Callable[[Settings], Mapping[str, Any]]
    """What the runner is made with; JSON values."""
    env: Callable[[Settings], Mapping[str, str]] = _nothing
    """Added to the workers' environment; an empty value takes a variable out of it."""
    fans: Mapping[str, Fan] = field(default_factory=dict[str, Fan])
    """Algorithms that the front spreads over the workers, by their names."""


def serve(kind: type[Settings], plan: Plan[Settings]) -> NoReturn:
    """Run the executor until it is told to stop; ends the process."""

    async def body(settings: Settings, mesh: server.MeshServer, stopping: asyncio.Event) -> None:
        await _body(settings, plan, mesh, stopping)

    server.run(kind, body)


async def _body(
    settings: Settings,
    plan: Plan[Settings],
    mesh: server.MeshServer,
    stopping: asyncio.Event,
) -> None:
    observer = _Observer()
    pool = WorkerPool(_spec(settings, plan), observer)
    identity = Identity(settings.service, plan.version)
    front = Front(settings, identity, pool, plan.fans, lambda: mesh.address)
    mesh.metrics.registry.register(_PoolFigures(pool))
    mesh.metrics.registry.register(_Walls(front))
    mesh.add(
        SERVICE,
        {
            "Execute": ("unary", front.execute),
            "ExecuteStream": ("stream", front.execute_stream),
            "Describe": ("unary", front.describe),
            "WatchDescribe": ("watch", front.watch_describe),
        },
    )
    mesh.add(SHARED_MEMORY, front.shared_memory.methods())
    await mesh.start()
    observer.follow(front, mesh.set_serving)
    try:
        starting = asyncio.create_task(pool.start())
        stop = asyncio.create_task(stopping.wait())
        await asyncio.wait((starting, stop), return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            await observer.settled()
            mesh.announce()
        else:
            starting.cancel()
        await stop
        observer.forget()
        await mesh.stop()
    finally:
        front.shared_memory.close()
        await pool.stop()


def _spec(settings: Settings, plan: Plan[Settings]) -> PoolSpec:
    return PoolSpec(
        target="mesh_service.executor.worker:adapt",
        config={"runner": plan.runner, "config": dict(plan.config(settings))},
        workers=settings.workers,
        spares=settings.spares,
        one_owner=settings.tenant_workers,
        queue=settings.queue,
        memory_bytes=settings.worker_memory_bytes,
        recycle_after=settings.recycle_after,
        grace=settings.grace_ms / 1e3,
        env=dict(plan.env(settings)),
    )


class _Observer(PoolObserver):
    """Carries the pool's news to logs, description and health."""

    def __init__(self) -> None:
        self._front: Front | None = None
        self._set_serving: Callable[[bool], Awaitable[None]] | None = None
        self._offered = False
        self._ready = False
        self._task: asyncio.Future[None] | None = None

    def follow(self, front: Front, set_serving: Callable[[bool], Awaitable[None]]) -> None:
        self._front, self._set_serving = front, set_serving

    def forget(self) -> None:
        """Stop telling health: the server says NOT_SERVING itself from now on."""
        self._set_serving = None

    async def settled(self) -> None:
        """Wait until health says what was last observed."""
        if self._task is not None:
            await self._task

    def readiness(self, ready: bool, error: str) -> None:
        self._ready = ready
        stopping = self._set_serving is None
        logs.event(
            "workers ready" if ready else "no worker",
            level=logging.INFO if ready or stopping else logging.ERROR,
            **({"error": error} if error else {}),
        )
        self._tell()

    def described(self, description: bytes) -> None:
        assert self._front is not None
        try:
            self._front.description.offer(description)
            self._offered = True
        except BadDescription as error:
            logs.event("bad description", level=logging.ERROR, error=str(error))
        self._tell()

    def worker_ready(self, pid: int, start_us: int) -> None:
        logs.event("worker ready", pid=pid, ms=start_us // 1000)

    def worker_gone(self, pid: int, reason: ExitReason, detail: str) -> None:
        quiet = reason in (ExitReason.STOP, ExitReason.RECYCLE)
        logs.event(
            "worker gone",
            level=logging.INFO if quiet else logging.WARNING,
            pid=pid,
            why=reason.value,
            detail=detail,
        )

    def _tell(self) -> None:
        if self._set_serving is not None:
            serving = self._set_serving(self._ready and self._offered)
            self._task = asyncio.ensure_future(_after(self._task, serving))


async def _after(before: asyncio.Future[None] | None, telling: Awaitable[None]) -> None:
    if before is not None:
        await before
    await telling


class _PoolFigures(Collector):
    """The pool's statistics, read when they are asked for."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool

    def collect(self) -> Iterable[Metric]:
        stats: PoolStatistics = self._pool.stats()
        workers = GaugeMetricFamily("edgemesh_workers", "Worker processes", labels=["state"])
        for state in ("starting", "idle", "busy", "spare", "stopping"):
            workers.add_metric([state], getattr(stats, state))
        yield workers
        yield GaugeMetricFamily("edgemesh_pool_waiting", "Calls that wait", value=stats.waiting)
        yield GaugeMetricFamily(
            "edgemesh_pool_shared_bytes", "Shared memory held", value=stats.segment_bytes
        )
        verdicts = CounterMetricFamily("edgemesh_pool_calls", "Calls ended", labels=["verdict"])
        for verdict, count in stats.verdicts.items():
            verdicts.add_metric([verdict.value], count)
        yield verdicts
        exits = CounterMetricFamily("edgemesh_worker_exits", "Workers ended", labels=["why"])
        for reason, count in stats.exits.items():
            exits.add_metric([reason.value], count)
        yield exits


class _Walls(Collector):
    """Which walls stand around the workers."""

    def __init__(self, front: Front) -> None:
        self._front = front

    def collect(self) -> Iterable[Metric]:
        walls = GaugeMetricFamily(
            "edgemesh_wall", "1 where it stands around the workers", labels=["wall"]
        )
        for wall in self._front.description.now().walls:
            walls.add_metric([wall.name], wall.stands)
        yield walls

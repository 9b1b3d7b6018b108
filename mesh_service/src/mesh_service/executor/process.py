"""An executor as a process: settings, crews, front, server.

Rules: listening before loading, serving when the first worker is ready and has described itself;
health follows the workers; on SIGTERM the front drains before they end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, NoReturn, TypeVar

from edgemesh.executor.v1 import executor_pb2
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mesh_service import logs, server, setups
from mesh_service.executor.capabilities import BackDoor
from mesh_service.executor.completion import Completion
from mesh_service.executor.crew import OneCrew, Staff, spec
from mesh_service.executor.fan import Fan
from mesh_service.executor.front import Front
from mesh_service.executor.respond import Identity
from mesh_service.executor.sessions import Host, Sessions
from mesh_service.executor.shared_memory import SERVICE as SHARED_MEMORY
from mesh_service.pool import PoolStatistics
from mesh_service.settings import ExecutorSettings

Settings = TypeVar("Settings", bound=ExecutorSettings)
FRONT_BYTES, WORKER_BYTES = 32 << 20, 24 << 20
"""Memory that a front, and each worker, takes at the very least, before any work."""
SERVICE: str = executor_pb2.DESCRIPTOR.services_by_name["ExecutorService"].full_name


def _nothing(_: Any) -> dict[str, Any]:
    return {}


def _one(_: Any) -> int:
    return 1


@dataclass(frozen=True)
class Plan(Generic[Settings]):
    """What an executor adds to what all have."""

    version: str
    """The executor's version."""
    runner: str = ""
    """`module:Class` of its Runner; imported in workers only."""
    config: Callable[[Settings], Mapping[str, Any]] = _nothing
    """What the runner is made with; JSON values."""
    env: Callable[[Settings], Mapping[str, str]] = _nothing
    """Added to the workers' environment; an empty value takes a variable out of it."""
    concurrency: Callable[[Settings], int] = _one
    """Calls that a worker takes at a time; above 1 its runner is called by several threads."""
    fans: Mapping[str, Fan] = field(default_factory=dict[str, Fan])
    """Algorithms that the front spreads over the workers, by their names."""
    sessions: Callable[[Settings, Host], Sessions] | None = None
    """Makes what keeps sessions, where there is such."""
    completions: Callable[[Settings], Mapping[str, Completion]] = _nothing
    """Algorithms whose requests the front completes, by their names."""
    back: Callable[[Settings], BackDoor] | None = None
    """Makes what answers runs that were granted capabilities."""
    crews: Callable[[Settings], Staff] | None = None
    """Makes its workers where they are not all alike; then what is said of them here is unused."""
    fit: Callable[[Settings], Mapping[str, str]] = _nothing
    """Looks, before anything begins, whether it can work as it is set up. Raises BadSetup; gives
    the parts that cannot, and why: health says NOT_SERVING of each, by its name."""

    def staff(self, settings: Settings) -> Staff:
        """Its workers, not started."""
        if self.crews is not None:
            return self.crews(settings)
        made = spec(settings, self.runner, self.config(settings), self.env(settings))
        return OneCrew(replace(made, concurrency=self.concurrency(settings)))


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
    _room(settings)
    lacking = plan.fit(settings)
    staff = plan.staff(settings)
    ground = staff.ground
    identity = Identity(settings.service, plan.version)
    host = Host()
    sessions = None if plan.sessions is None else plan.sessions(settings, host)
    completions = plan.completions(settings)
    back = None if plan.back is None else plan.back(settings)
    front = Front(
        settings,
        identity,
        plan.fans,
        lambda: mesh.address,
        sessions,
        ground,
        completions,
        back,
        staff.assignment,
    )
    host.execute, host.authenticate = front.execute, front.authenticate
    news = _News(staff, front, mesh)
    mesh.metrics.registry.register(_PoolFigures(staff))
    mesh.metrics.registry.register(_Walls(front))
    mesh.add(
        SERVICE,
        {
            "Execute": ("unary", front.execute),
            "ExecuteStream": ("stream", front.execute_stream),
            "Describe": ("unary", front.describe),
            "WatchDescribe": ("watch", front.watch_describe),
            **front.grounds.methods(),
        },
    )
    mesh.add(SHARED_MEMORY, front.shared_memory.methods())
    for service, methods in staff.services(front.authenticate).items():
        mesh.add(service, methods)
    if sessions is not None:
        for service, methods in sessions.services.items():
            mesh.add(service, methods)
        mesh.metrics.registry.register(sessions)
        sessions.start()
    await mesh.start()
    for part, why in lacking.items():
        logs.event("a part cannot work", level=logging.WARNING, part=part, why=why)
        await mesh.set_health(part, False)
    staff.on_change = news.tell
    try:
        starting = asyncio.create_task(staff.start())
        stop = asyncio.create_task(stopping.wait())
        awaited = (starting, stop, news.unfit)
        await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            await news.settled()
            mesh.announce()
        else:
            starting.cancel()
            if news.unfit.done() and not stopping.is_set():
                raise setups.BadSetup.read(news.unfit.result())
        await stop
        news.end()
        await mesh.stop()
    finally:
        if sessions is not None:
            await sessions.stop()
        if ground is not None:
            await ground.close()
        front.shared_memory.close()
        await staff.stop()
        if back is not None:
            await back.close()


def _room(settings: ExecutorSettings) -> None:
    """Raise BadSetup where there is no memory for what is to be started."""
    workers, spares, prefix = settings.workers, settings.spares, settings.prefix()
    setups.memory(
        FRONT_BYTES + (workers + spares) * WORKER_BYTES,
        f"a front with {prefix}WORKERS={workers} and {prefix}SPARES={spares}",
        "raise the container's limit, or lower these",
    )


class _News:
    """Carries what becomes of the crews to description and health."""

    def __init__(self, staff: Staff, front: Front, mesh: server.MeshServer) -> None:
        self._staff, self._front, self._mesh = staff, front, mesh
        self._told: dict[str, bool] = {}
        self._ended = False
        self._task: asyncio.Future[None] | None = None
        self.unfit: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Why the executor cannot work as it is set up, once that is known."""

    def tell(self) -> None:
        """Tell how things are now."""
        if self._ended:
            return
        for crew in self._staff.crews:
            if crew.vital and crew.unfit and not self.unfit.done():
                self.unfit.set_result(crew.unfit)
        crews = [crew for crew in self._staff.crews if crew.offers]
        plugins = sorted(self._staff.plugins(), key=lambda plugin: (plugin.name, plugin.file))
        walls, build = (crews[0].walls, crews[0].build) if crews else ((), None)
        self._front.description.publish(self._staff.catalog, walls, plugins, build)
        health = {"": self._staff.serves}
        for plugin in plugins:
            serves = plugin.state == executor_pb2.PLUGIN_STATE_SERVING
            name = f"plugin/{plugin.name}"
            health[name] = health.get(name, False) or serves
        gone = dict.fromkeys(self._told.keys() - health.keys(), False)
        self._task = asyncio.ensure_future(self._health(self._task, health | gone))

    async def settled(self) -> None:
        """Wait until health says what was last told."""
        if self._task is not None:
            await self._task

    def end(self) -> None:
        """Tell nothing any more: the server says NOT_SERVING itself from now on."""
        self._ended = True

    async def _health(
        self, before: asyncio.Future[None] | None, health: Mapping[str, bool]
    ) -> None:
        if before is not None:
            await before
        for name, serving in health.items():
            if self._told.get(name) is not serving and not self._ended:
                self._told[name] = serving
                if name:
                    await self._mesh.set_health(name, serving)
                else:
                    await self._mesh.set_serving(serving)


class _PoolFigures(Collector):
    """The pools' statistics, read when they are asked for."""

    def __init__(self, staff: Staff) -> None:
        self._staff = staff

    def collect(self) -> Iterable[Metric]:
        stats: list[tuple[str, PoolStatistics]] = [
            (crew.name, crew.pool.stats()) for crew in self._staff.crews
        ]
        workers = GaugeMetricFamily(
            "edgemesh_workers", "Worker processes", labels=["crew", "state"]
        )
        waiting = GaugeMetricFamily("edgemesh_pool_waiting", "Calls that wait", labels=["crew"])
        shared = GaugeMetricFamily(
            "edgemesh_pool_shared_bytes", "Shared memory held", labels=["crew"]
        )
        verdicts = CounterMetricFamily(
            "edgemesh_pool_calls", "Calls ended", labels=["crew", "verdict"]
        )
        exits = CounterMetricFamily(
            "edgemesh_worker_exits", "Workers ended", labels=["crew", "why"]
        )
        for crew, now in stats:
            for state in ("starting", "idle", "busy", "spare", "stopping"):
                workers.add_metric([crew, state], getattr(now, state))
            waiting.add_metric([crew], now.waiting)
            shared.add_metric([crew], now.segment_bytes)
            for verdict, count in now.verdicts.items():
                verdicts.add_metric([crew, verdict.value], count)
            for reason, count in now.exits.items():
                exits.add_metric([crew, reason.value], count)
        yield from (workers, waiting, shared, verdicts, exits)


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

"""The gateway as a process: its parts put together, started and stopped.

Rules: SERVING once it listens, whichever executors are there; on SIGTERM what runs is finished
before the executors are let go.
"""

from __future__ import annotations

import asyncio
from importlib.metadata import version

from edgemesh_gateway import (
    admit,
    algorithms,
    allowance,
    environments,
    gateway,
    jobs,
    keys,
    sessions,
    shared_memory,
)
from edgemesh_gateway.admit import Admission
from edgemesh_gateway.datapath import NativeFront
from edgemesh_gateway.dispatch import Dispatcher
from edgemesh_gateway.figures import Figures
from edgemesh_gateway.guard import Guard
from edgemesh_gateway.inference import service as inference
from edgemesh_gateway.programs import Programs
from edgemesh_gateway.register import Registrations
from edgemesh_gateway.registry import Registry
from edgemesh_gateway.rest.listen import RestServer
from edgemesh_gateway.settings import GatewaySettings, Tls
from edgemesh_gateway.store import Database, JobStore, Store, StoreUnusable
from edgemesh_gateway.tickets import Tickets
from mesh_service import logs
from mesh_service.peers import Peers
from mesh_service.server import MeshServer
from mesh_service.settings import SettingsError


async def serve(settings: GatewaySettings, mesh: MeshServer, stopping: asyncio.Event) -> None:
    """Serve until `stopping` is set. Raises SettingsError where the database cannot be used."""
    try:
        database = await asyncio.to_thread(Database, settings.database_url)
    except StoreUnusable as error:
        raise SettingsError(f"{settings.prefix()}DATABASE", str(error)) from None
    try:
        await _serve(settings, mesh, stopping, database)
    finally:
        await asyncio.to_thread(database.close)


async def _serve(
    settings: GatewaySettings, mesh: MeshServer, stopping: asyncio.Event, database: Database
) -> None:
    store, job_store = Store(database), JobStore(database, settings.max_waiting_jobs)
    front = NativeFront(settings, mesh.metrics) if settings.native else None
    guard = Guard(settings, mesh, database, allowance.Own() if front is None else front.pages)
    authenticator = guard.authenticator
    registry = Registry(settings, None if front is None else front.slots, guard.allowance.weight)
    peers = Peers(lambda: mesh.address, front_door=True, relayed=front is not None)
    memory = shared_memory.SharedMemory(
        authenticator, registry.endpoints, peers, settings.offers_shared_memory
    )
    ledger = admit.Counted(settings.max_held_bytes) if front is None else front.path
    admission = Admission(settings.max_request_bytes, ledger, memory.user, guard.allowance)
    routes = registry.routes
    programs = Programs(store, registry.endpoints, routes)
    dispatcher = Dispatcher(settings.retry_wait_ms / 1e3, programs.supply)
    if front is not None:
        front.decide_with(
            registry.endpoints,
            routes,
            dispatcher,
            authenticator,
            guard.audit,
            guard.allowance.most_running,
        )
        mesh.stand_behind(front)
    elif (tls := settings.tls()) is not None:
        mesh.secure(*tls)

    def limit() -> None:
        registry.set_limits(guard.allowance.most_running())
        if front is not None:
            front.refresh()

    guard.on_policy = limit
    limit()
    tickets = Tickets(settings.call_depth)
    door = gateway.Gateway(
        authenticator, admission, routes, dispatcher, programs, tickets, guard.usage
    )
    places = environments.Environments(
        authenticator, store, programs, settings.max_environments, settings.environment_timeout_s
    )
    registrations = Registrations(
        authenticator, store, programs, routes, places, settings.max_algorithms
    )
    catalog = algorithms.Algorithms(authenticator, routes, registrations)
    hub, files = jobs.Hub(), jobs.Files(settings.job_folder)
    runner = jobs.Runner(
        job_store,
        files,
        hub,
        registry.endpoints,
        door.run,
        dispatcher.stream,
        settings.job_lease_s,
    )
    desk = jobs.Jobs(
        authenticator,
        admission,
        routes,
        programs,
        job_store,
        files,
        hub,
        runner,
        most_waiting=settings.max_waiting_jobs,
        ttl_s=settings.job_result_s,
        longest_ttl_s=settings.max_job_result_s,
    )
    mesh.metrics.registry.register(
        Figures(registry.endpoints, admission, dispatcher, guard.allowance.named)
    )
    services = {
        gateway.SERVICE: {
            "Compute": ("unary", door.compute),
            "ComputeStream": ("stream", door.compute_stream),
        },
        algorithms.SERVICE: catalog.methods(),
        environments.SERVICE: places.methods(),
        shared_memory.SERVICE: memory.methods(),
        sessions.SERVICE: sessions.Sessions(authenticator, registry.endpoints).methods(),
        jobs.SERVICE: desk.methods(),
        keys.SERVICE: keys.Keys(authenticator, guard.keys, guard.issued).methods(),
        inference.SERVICE: inference.Inference(
            door.compute,
            catalog.list_algorithms,
            catalog.get_algorithm,
            lambda: mesh.serving,
            version("edgemesh-gateway"),
        ).methods(),
    }
    for name, methods in services.items():
        mesh.add(name, guard.audit.around(methods))

    rest = None if settings.rest_port is None else RestServer(settings, mesh)

    def secure(tls: Tls) -> None:
        if front is None:
            mesh.secure(*tls)
        else:
            front.path.set_tls(tls)
        if rest is not None:
            rest.secure()

    logs.event("data path", native=front is not None)
    try:
        await guard.start(secure)
        if rest is not None:
            rest.bind()
        await mesh.start()
        await registry.start()
        runner.start()
        await mesh.set_serving(True)
        mesh.announce()
        if rest is not None:
            rest.start()
        await stopping.wait()
        hub.stop()
        await asyncio.gather(mesh.stop(), runner.close(settings.drain_s))
    finally:
        if rest is not None:
            await rest.stop()
        await runner.close(0)
        await registry.close()
        await guard.stop()
        if front is not None:
            front.close()

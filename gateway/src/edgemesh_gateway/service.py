"""The gateway as a process: its parts put together, started and stopped.

Rules: SERVING once it listens, whichever executors are there; on SIGTERM what runs is finished
before the executors are let go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.metadata import version

from edgemesh_gateway import (
    admit,
    algorithms,
    allowance,
    environments,
    gateway,
    jobs,
    keeping,
    keys,
    models,
    sessions,
    setups,
    shared_memory,
)
from edgemesh_gateway.accounting import figures as accounting
from edgemesh_gateway.accounting.accounts import Accounts
from edgemesh_gateway.accounting.erasure import Erasure
from edgemesh_gateway.accounting.service import SERVICE as ACCOUNTS
from edgemesh_gateway.accounting.service import AccountService
from edgemesh_gateway.admit import Admission
from edgemesh_gateway.chains import service as chains
from edgemesh_gateway.chains.giving import Giving
from edgemesh_gateway.datapath import NativeFront
from edgemesh_gateway.dispatch import Dispatcher
from edgemesh_gateway.figures import Figures
from edgemesh_gateway.guard import Guard
from edgemesh_gateway.inference import service as inference
from edgemesh_gateway.jobs.ids import now_ms
from edgemesh_gateway.programs import Programs
from edgemesh_gateway.register import Registrations
from edgemesh_gateway.registry import Registry
from edgemesh_gateway.rest.listen import RestServer
from edgemesh_gateway.schedules import service as schedules
from edgemesh_gateway.schedules.timetable import Timetable
from edgemesh_gateway.settings import GatewaySettings, Tls
from edgemesh_gateway.store import (
    AccountStore,
    ChainStore,
    Database,
    ErasureStore,
    JobStore,
    ScheduleStore,
    Store,
    StoreUnusable,
    WebhookStore,
)
from edgemesh_gateway.tickets import Tickets
from edgemesh_gateway.watch import Unusable, Watched
from edgemesh_gateway.webhooks.hosts import Hosts
from edgemesh_gateway.webhooks.secrets import BadSecrets, Secrets
from edgemesh_gateway.webhooks.sender import Sender
from edgemesh_gateway.webhooks.terms import Terms
from mesh_service import logs
from mesh_service.peers import Peers
from mesh_service.server import MeshServer


async def serve(
    settings: GatewaySettings,
    mesh: MeshServer,
    stopping: asyncio.Event,
    clock: Callable[[], int] = now_ms,
) -> None:
    """Serve until `stopping` is set. Raises BadSetup.

    `clock`: milliseconds since 1970, for what happens at its time.
    """
    setups.look(settings)
    try:
        database = await asyncio.to_thread(Database, settings.database_url)
    except StoreUnusable as error:
        raise setups.unusable(settings, str(error)) from None
    try:
        await _serve(settings, mesh, stopping, database, clock)
    finally:
        await asyncio.to_thread(database.close)


async def _serve(
    settings: GatewaySettings,
    mesh: MeshServer,
    stopping: asyncio.Event,
    database: Database,
    clock: Callable[[], int],
) -> None:
    store, job_store = Store(database), JobStore(database, settings.max_waiting_jobs)
    front = NativeFront(settings, mesh.metrics) if settings.native else None
    guard = Guard(settings, mesh, database, allowance.Own() if front is None else front.pages)
    authenticator = guard.authenticator
    accounts = Accounts(
        AccountStore(database),
        most_requests=settings.request_records,
        request_s=settings.request_record_s,
        usage_days=settings.usage_days,
    )
    mesh.metrics.registry.register(accounting.Figures(accounts))
    registry = Registry(settings, None if front is None else front.slots, guard.allowance.weight)
    peers = Peers(lambda: mesh.address, front_door=True, relayed=front is not None)
    memory = shared_memory.SharedMemory(
        authenticator, registry.executors, peers, settings.offers_shared_memory
    )
    ledger = admit.Counted(settings.max_held_bytes) if front is None else front.path
    admission = Admission(settings.max_request_bytes, ledger, memory.user, guard.allowance)
    routes = registry.routes
    programs = Programs(store, registry.executors, routes)
    dispatcher = Dispatcher(settings.retry_wait_ms / 1e3, programs.supply)
    if front is not None:
        front.decide_with(
            registry.executors,
            routes,
            dispatcher,
            authenticator,
            guard.audit,
            guard.allowance.most_running,
        )
        front.on_end, accounts.catch_up = accounts.note, front.catch_up
        mesh.stand_behind(front)
    elif (tls := settings.tls()) is not None:
        mesh.secure(*tls)

    def limit() -> None:
        registry.set_limits(guard.allowance.most_running())
        if front is not None:
            front.refresh()

    guard.on_policy = limit
    limit()
    tickets = Tickets(settings.call_depth, settings.reached_at)
    door = gateway.Gateway(
        authenticator, admission, routes, dispatcher, programs, tickets, guard.usage, accounts
    )
    places = environments.Environments(
        authenticator, store, programs, settings.max_environments, settings.environment_timeout_s
    )
    registrations = Registrations(
        authenticator, store, programs, routes, places, settings.max_algorithms
    )
    catalog = algorithms.Algorithms(authenticator, routes, registrations)
    terms = _terms(settings, guard)
    webhooks = WebhookStore(database)
    sender = Sender(
        webhooks,
        terms,
        mesh.metrics.registry,
        clock,
        first_pause_s=settings.webhook_pause_s,
        patience_s=settings.webhook_patience_s,
    )
    hub, files = jobs.Hub(), jobs.Files(settings.job_folder)
    hub.followed = sender.wake
    job_figures = jobs.Figures(mesh.metrics.registry)
    chain_store = ChainStore(database, job_store)
    runner = jobs.Runner(
        job_store,
        files,
        hub,
        registry.executors,
        door.run,
        dispatcher.stream,
        settings.job_lease_s,
        job_figures,
        Giving(chain_store, files),
    )
    intake = jobs.Intake(
        admission,
        routes,
        programs,
        terms,
        ttl_s=settings.job_result_s,
        longest_ttl_s=settings.max_job_result_s,
    )
    schedule_store = ScheduleStore(database, job_store)
    timetable = Timetable(schedule_store, clock, runner.wake, job_figures, mesh.metrics.registry)
    desk = jobs.Jobs(
        authenticator,
        intake,
        job_store,
        files,
        hub,
        runner,
        job_figures,
        webhooks,
        most_waiting=settings.max_waiting_jobs,
    )

    def forget(tenant: str) -> None:
        guard.usage.forget(tenant)
        programs.forget()

    erasure = Erasure(
        ErasureStore(database),
        accounts,
        registry.executors,
        files,
        hub,
        runner,
        guard.issued.refresh,
        forget,
    )
    mesh.metrics.registry.register(
        Figures(registry.executors, admission, dispatcher, guard.allowance.named)
    )
    services = {
        gateway.SERVICE: {
            "Compute": ("unary", door.compute),
            "ComputeStream": ("stream", door.compute_stream),
        },
        algorithms.SERVICE: catalog.methods(),
        environments.SERVICE: places.methods(),
        shared_memory.SERVICE: memory.methods(),
        sessions.SERVICE: sessions.Sessions(authenticator, registry.executors).methods(),
        models.SERVICE: models.Models(authenticator, registry.executors).methods(),
        jobs.SERVICE: desk.methods(),
        chains.SERVICE: chains.Chains(
            authenticator,
            intake,
            chain_store,
            files,
            hub,
            runner,
            job_figures,
            settings.max_waiting_jobs,
        ).methods(),
        schedules.SERVICE: schedules.Schedules(
            authenticator, intake, schedule_store, clock, settings.max_schedules
        ).methods(),
        keys.SERVICE: keys.Keys(authenticator, guard.keys, guard.issued).methods(),
        ACCOUNTS: AccountService(authenticator, accounts, erasure).methods(),
        inference.SERVICE: inference.Inference(
            door.compute,
            catalog.list_algorithms,
            catalog.get_algorithm,
            lambda: mesh.serving,
            version("edgemesh-gateway"),
        ).methods(),
    }
    for name, methods in services.items():
        mesh.add(name, guard.audit.around(keeping.all_told(methods)))

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
        accounts.start()
        sender.start()
        timetable.start()
        await mesh.set_serving(True)
        mesh.announce()
        if rest is not None:
            rest.start()
        await stopping.wait()
        hub.stop()
        await timetable.close()
        await asyncio.gather(mesh.stop(), runner.close(settings.drain_s))
        await sender.close(settings.drain_s)
    finally:
        if rest is not None:
            await rest.stop()
        await timetable.close()
        await runner.close(0)
        await sender.close(0)
        await registry.close()
        await guard.stop()
        await accounts.stop()
        if front is not None:
            front.close()


def _terms(settings: GatewaySettings, guard: Guard) -> Terms:
    """On what terms webhooks are sent; their secrets are followed with other files."""
    hosts = Hosts(settings.webhook_hosts, settings.webhook_internal_hosts)
    secrets = Secrets(settings.webhook_secrets)

    def read() -> None:
        try:
            secrets.read()
        except BadSecrets as error:
            raise Unusable(str(error)) from None

    if settings.webhook_secrets is not None:
        guard.others.append(Watched("webhook secrets", [settings.webhook_secrets], read))
    return Terms(hosts, secrets)

"""The native data path before the gateway's own server: it moves the bytes, Python decides.

Rules: `edgemesh_datapath` owns the public port. What is right, known and has a free slot it
forwards by the tables kept here, which leave out algorithms that have a limit of their own;
whatever else comes it passes to the server behind it as it came, so that every refusal is the one
that Python makes. Two questions come back in batches: who gets the next slot (`schedule`), and what
an executor's failure means (`dispatch`). Slots and bytes are counted there, for both. The module
knows no socket but the one between them.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Container, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from edgemesh_gateway import admit, dispatch
from edgemesh_gateway.counters import Pages, Slots
from edgemesh_gateway.schedule import Lane, Place, rank_of
from mesh_service import errors, logs, translate

if TYPE_CHECKING:
    from edgemesh_datapath import DataPath
    from edgemesh_datapath._native import Event, Failed, Identity, Record, Refusal

    from edgemesh_gateway.audit import Audit
    from edgemesh_gateway.authenticate import Authenticator
    from edgemesh_gateway.endpoint import Endpoint
    from edgemesh_gateway.identity.caller import Caller
    from edgemesh_gateway.route import Routes
    from edgemesh_gateway.settings import GatewaySettings
    from mesh_service.metrics import Metrics

MOST_LEARNT = 10_000
"""Tokens and certificates that the data path knows by itself; over it all are learnt anew."""
RECORDS_S = 0.2
"""How long what became of a call may wait to be logged and counted."""
STAGES = {
    "arrival": "arrival",
    "queue": "queue",
    "dispatch": "dispatch",
    "executor": "executor",
    "delivery": "delivery: nothing was read",
}
_METHODS = ("Compute", "ComputeStream")
_CODES = {code.value[0]: code for code in grpc.StatusCode}


def present() -> bool:
    """Whether the native module is installed."""
    return find_spec("edgemesh_datapath") is not None


class _Waiting(Place):
    """A caller of the data path that waits for a slot."""

    __slots__ = ("_front", "_lane", "_question", "gone")

    def __init__(
        self,
        front: NativeFront,
        question: int,
        lane: int,
        rank: int,
        tenant: str,
        size: int,
        left: float | None,
    ) -> None:
        # The data path itself watches over the deadline; here it says who is next.
        deadline = None if left is None else time.monotonic() + left
        super().__init__(tenant, rank, size=size, deadline=deadline)
        self._front = front
        self._question = question
        self._lane = lane
        self.gone = False

    def done(self) -> bool:
        return self.gone

    def grant(self, gate: object) -> None:
        assert gate is None, "its algorithm has no limit"
        self._front.answered(self._question)
        # If the caller has left by now, its slot is free again, and that is told.
        self._front.path.grant(self._question, self._lane)

    def refuse(self, error: errors.MeshError) -> None:
        self.gone = True
        self._front.answered(self._question)
        self._front.path.refuse(self._question, *refusal(error))


class NativeFront:
    """The data path, its tables and its questions; a `server.Front`."""

    def __init__(self, settings: GatewaySettings, metrics: Metrics) -> None:
        """Raises OSError."""
        from edgemesh_datapath import DataPath

        self._folder = Path(tempfile.mkdtemp(prefix="edgemesh-"))  # For us alone: 0700.
        self.inner = self._folder / "gateway.sock"
        secret = settings.secret
        identity = [] if secret is None else [("edgemesh-secret", secret.get_secret_value())]
        self.path: DataPath = DataPath(
            inner=self.inner,
            executors=[(address, identity) for address in settings.executors.values()],
            most_request=settings.max_request_bytes,
            most_held=settings.max_held_bytes,
            stages={
                name: refusal(errors.DeadlineExceeded(stage)) for name, stage in STAGES.items()
            },
            tls=settings.tls(),
            traced=bool(settings.traces),
        )
        self.slots = [Slots(self.path, lane) for lane in range(len(settings.executors))]
        for slots in self.slots:
            slots.hear = self._take
        self.refresh: Callable[[], None] = lambda: None
        """Make the table of routes anew."""
        self.pages = Pages(self.path)
        self._audit: Audit | None = None
        self._learnt = 0
        self._metrics = metrics
        metrics.catch_up = self.catch_up
        self._endpoints: Sequence[Endpoint] = ()
        self._dispatcher: dispatch.Dispatcher | None = None
        self._waiting: dict[int, tuple[_Waiting, Lane]] = {}
        self._judging: dict[int, asyncio.Task[None]] = {}
        self._idle = asyncio.Event()
        self._recording: asyncio.Task[None] | None = None

    def decide_with(
        self,
        endpoints: Sequence[Endpoint],
        routes: Routes,
        dispatcher: dispatch.Dispatcher,
        authenticator: Authenticator,
        audit: Audit,
        limited: Callable[[], Container[str]],
    ) -> None:
        """Say what it decides with; before `start`. `endpoints` in the order of the settings;
        `limited`: algorithms whose calls are counted one by one, which Python does.
        """
        self._endpoints, self._dispatcher, self._audit = endpoints, dispatcher, audit
        authenticator.on_change = lambda: self._know(authenticator)
        authenticator.on_learnt = lambda digest, caller: self._learn(authenticator, digest, caller)
        self._know(authenticator)
        lanes = {endpoint: lane for lane, endpoint in enumerate(endpoints)}

        def refresh() -> None:
            limits = limited()
            self.path.set_routes(
                {
                    name: lanes[endpoint]
                    for name, endpoint in routes.here().items()
                    if admit.is_algorithm(name) and name.partition("@")[0] not in limits
                }
            )

        self.refresh = refresh
        for endpoint in endpoints:
            endpoint.on_change = refresh

    def _know(self, authenticator: Authenticator) -> None:
        everyone, known = authenticator.known()
        self.path.set_everyone(None if everyone is None else identity(everyone))
        self.path.set_identities({digest: identity(caller) for digest, caller in known.items()})
        self._learnt = 0

    def _learn(self, authenticator: Authenticator, digest: bytes, caller: Caller) -> None:
        if self._learnt >= MOST_LEARNT:
            self._know(authenticator)
        self._learnt += 1
        self.path.learn(digest, identity(caller))

    def start(self, listeners: Sequence[socket.socket]) -> None:
        """Serve on listening sockets, which are its own from now on."""
        self.path.start([listener.detach() for listener in listeners])
        asyncio.get_running_loop().add_reader(self.path.fileno(), self._hear)
        self._recording = asyncio.create_task(self._record(), name="record")

    def in_flight(self) -> int:
        """How many calls it answers itself now."""
        return self.path.inside()

    async def drained(self) -> None:
        """Answer nothing itself from now on, and wait until nothing that it does runs."""
        self.path.drain()
        await self._idle.wait()

    async def stop(self, grace_s: float) -> None:
        """Close all connections, after `grace_s` at most."""
        await asyncio.to_thread(self.path.stop, grace_s)
        if self._recording is not None:
            self._recording.cancel()
            asyncio.get_running_loop().remove_reader(self.path.fileno())
        for task in self._judging.values():
            task.cancel()
        self.catch_up()

    def close(self) -> None:
        """Leave nothing on disk; also where it never started."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def answered(self, question: int) -> None:
        """A caller that waits has its answer."""
        self._waiting.pop(question, None)

    def catch_up(self) -> None:
        """Log and count the calls that have ended."""
        for record in self.path.records():
            _record(record, self._metrics, self._audit)

    async def _record(self) -> None:
        while True:
            await asyncio.sleep(RECORDS_S)
            self.catch_up()

    def _hear(self) -> None:
        self._take()
        self.catch_up()

    def _take(self) -> None:
        for event in self.path.take():
            self._heard(event)

    def _heard(self, event: Event) -> None:
        match event[0]:
            case "ask":
                self._ask(*event[1:])
            case "slot":
                self._endpoints[event[1]].lane.grant()
            case "gone":
                self._gone(event[1])
            case "failed":
                task = asyncio.create_task(self._judge(event))
                self._judging[event[1]] = task
                task.add_done_callback(lambda _, question=event[1]: self._judged(question))
            case "idle":
                self._idle.set()

    def _ask(
        self,
        question: int,
        number: int,
        priority: int,
        tenant: str,
        size: int,
        left: float | None,
    ) -> None:
        lane = self._endpoints[number].lane
        caller = _Waiting(self, question, number, rank_of(priority), tenant, size, left)
        self._waiting[question] = caller, lane
        lane.join(caller)

    def _gone(self, question: int) -> None:
        if question in self._judging:
            self._judging[question].cancel()
        waiting = self._waiting.pop(question, None)
        if waiting is not None:
            caller, lane = waiting
            caller.gone = True
            lane.leave(caller)

    async def _judge(self, failed: Failed) -> None:
        _, question, number, started, code, message, details, request_id, left, second = failed
        assert self._dispatcher is not None
        endpoint = self._endpoints[number]
        trailers = grpc.aio.Metadata((translate.DETAILS_KEY, details)) if details else None
        error = grpc.aio.AioRpcError(
            _CODES[code], grpc.aio.Metadata(), trailers or grpc.aio.Metadata(), message
        )
        fault = dispatch.judge(error, endpoint, started)
        try:
            if isinstance(fault, errors.NotStarted) and not second:
                await self._dispatcher.until_back(endpoint, left, request_id, fault)
                self.path.send_again(question)
                return
        except errors.NotStarted as stays_away:
            fault = stays_away
        if isinstance(fault, errors.MeshError):
            self.path.refuse(question, *refusal(fault))
        else:
            self.path.pass_on(question)

    def _judged(self, question: int) -> None:
        task = self._judging.pop(question)
        if not task.cancelled() and (error := task.exception()) is not None:
            inside = errors.Internal(f"{question:012x}")
            logs.event(
                "internal error",
                level=logging.ERROR,
                exc_info=error,
                error_id=inside.error_id,
            )
            self.path.refuse(question, *refusal(inside))


def refusal(error: errors.MeshError) -> Refusal:
    """An error as the data path tells it."""
    status = translate.to_status(error)
    found = translate.verdict(error)
    return status.code, status.message, status.SerializeToString(), found.reason


def identity(caller: Caller) -> Identity:
    """A caller as the data path's table has it."""
    return caller.tenant, caller.who, caller.scopes, caller.until


def _record(record: Record, metrics: Metrics, audit: Audit | None) -> None:
    stream, number, seconds, ended, request_id, tenant, who, algorithm, reason, message = record
    method, code = _METHODS[stream], _CODES[number].name
    metrics.observe(method, code, seconds)
    fields: dict[str, object] = {
        "method": method,
        "code": code,
        "ms": round(seconds * 1e3, 2),
        "request_id": request_id,
        "tenant": tenant,
        "who": who,
        "algorithm": algorithm,
    }
    if reason is not None:
        fields["reason"] = reason
    if audit is not None:
        audit.note(ended, fields)
    if reason is not None:
        fields["error"] = (message or "")[:256]
    logs.past_event("rpc", ended, fields)

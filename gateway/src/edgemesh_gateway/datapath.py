"""The native data path before the gateway's own server: it moves the bytes, Python decides.

Rules: `edgemesh_datapath` owns the public port. What is right, known and has a free slot it
forwards by the tables kept here, which leave out algorithms that have a limit of their own;
whatever else comes it passes to the server behind it as it came, so that every refusal is the one
that Python makes: among it what some replica of an executor does not offer, and what has a session
where there are several, since it belongs to one of them. Two questions come back in batches: who
gets the next slot (`schedule`), and what an executor's failure means (`dispatch`). Slots and bytes
are counted there, for both. The module knows no socket but the one between them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Container, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from edgemesh_gateway import admit, recorded
from edgemesh_gateway.counters import Pages, Slots
from edgemesh_gateway.schedule import Lane, Place, rank_of
from mesh_service import errors, logs, translate
from mesh_service.stack import new_request_id

if TYPE_CHECKING:
    from edgemesh_datapath import DataPath
    from edgemesh_datapath._native import Event, Failed, Identity, Refusal

    from edgemesh_gateway.accounting.happened import Happened
    from edgemesh_gateway.audit import Audit
    from edgemesh_gateway.authenticate import Authenticator
    from edgemesh_gateway.dispatch import Dispatcher
    from edgemesh_gateway.executor import Executor
    from edgemesh_gateway.identity.caller import Caller
    from edgemesh_gateway.route import Routes
    from edgemesh_gateway.settings import GatewaySettings
    from mesh_service.metrics import Metrics

MOST_LEARNT = 10_000
"""Tokens and certificates that the data path knows by itself; over it all are learnt anew."""
RECORDS_S = 0.2
"""How long what became of a call may wait to be logged and counted."""
TOLD_S = 0.05
"""So much later than the data path Python believes a deadline to be, at most."""
SCRAPE_S = 1.0
"""How long who reads figures waits for those of the last moment."""
STAGES = {
    "arrival": "arrival",
    "queue": "queue",
    "dispatch": "dispatch",
    "executor": "executor",
    "delivery": "delivery: nothing was read",
}


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

    def grant(self, replica: int, gate: object) -> None:
        assert gate is None, "its algorithm has no limit"
        self._front.answered(self._question)
        # If the caller has left by now, its slot is free again, and that is told.
        self._front.path.grant(self._question, self._lane, replica)

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
            executors=[
                [(address, identity) for address in addresses]
                for addresses in settings.executors.values()
            ],
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
        metrics.catch_up = self._caught_up
        self._executors_at = [(name, [*at]) for name, at in settings.executors.items()]
        self.on_end: Callable[[Happened], None] = lambda _: None
        """Hears what became of a call."""
        self._executors: Sequence[Executor] = ()
        self._dispatcher: Dispatcher | None = None
        self._waiting: dict[int, tuple[_Waiting, Lane]] = {}
        self._judging: dict[int, asyncio.Task[None]] = {}
        self._idle = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._recording: asyncio.Task[None] | None = None

    def decide_with(
        self,
        executors: Sequence[Executor],
        routes: Routes,
        dispatcher: Dispatcher,
        authenticator: Authenticator,
        audit: Audit,
        limited: Callable[[], Container[str]],
    ) -> None:
        """Say what it decides with; before `start`. `executors` in the order of the settings;
        `limited`: algorithms whose calls are counted one by one, which Python does.
        """
        self._executors, self._dispatcher, self._audit = executors, dispatcher, audit
        authenticator.on_change = lambda: self._know(authenticator)
        authenticator.on_learnt = lambda digest, caller: self._learn(authenticator, digest, caller)
        self._know(authenticator)
        lanes = {executor: lane for lane, executor in enumerate(executors)}

        def refresh() -> None:
            limits = limited()
            self.path.set_routes(
                {
                    name: lanes[executor]
                    for name, executor in routes.here().items()
                    if admit.is_algorithm(name) and name.partition("@")[0] not in limits
                }
            )

        self.refresh = refresh
        for executor in executors:
            executor.on_change = refresh

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
        self._loop = asyncio.get_running_loop()
        self.path.start([listener.detach() for listener in listeners])
        self._loop.add_reader(self.path.fileno(), self._hear)
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
            try:
                recorded.note(record, self._metrics, self._audit)
                self.on_end(recorded.happened(record, self._executors_at))
            except Exception as error:  # ours: the others are to be told of nevertheless
                _fault(error)

    def _caught_up(self) -> None:
        """The same for whoever reads figures, in a thread of its own: what hears of a call's end
        lives on the loop. One that is busy for longer than SCRAPE_S is not waited for.
        """
        loop = self._loop
        try:
            elsewhere = asyncio.get_running_loop() is not loop
        except RuntimeError:
            elsewhere = True
        if loop is None or not elsewhere:
            self.catch_up()
            return
        done = threading.Event()

        def catch_up() -> None:
            self.catch_up()
            done.set()

        with contextlib.suppress(RuntimeError):  # it has been closed
            loop.call_soon_threadsafe(catch_up)
            done.wait(SCRAPE_S)

    async def _record(self) -> None:
        while True:
            await asyncio.sleep(RECORDS_S)
            self.catch_up()

    def _hear(self) -> None:
        self._take()
        self.catch_up()

    def _take(self) -> None:
        for event in self.path.take():
            try:
                self._heard(event)
            except Exception as error:  # ours: who is behind it in the batch must not wait for ever
                if event[0] == "ask" or event[0] == "failed":
                    self._fail(event[1], error)
                else:
                    _fault(error)

    def _heard(self, event: Event) -> None:
        match event[0]:
            case "ask":
                self._ask(*event[1:])
            case "slot":
                self._executors[event[1]].lane.grant()
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
        executor = self._executors[number]
        caller = _Waiting(self, question, number, rank_of(priority), tenant, size, left)
        self._waiting[question] = caller, executor.lane
        if executor.there:
            executor.lane.join(caller)
        else:
            # It was on its way when those who waited were told.
            caller.refuse(executor.away())

    def _gone(self, question: int) -> None:
        if question in self._judging:
            self._judging[question].cancel()
        waiting = self._waiting.pop(question, None)
        if waiting is not None:
            caller, lane = waiting
            caller.gone = True
            if caller.deadline is not None and caller.deadline - TOLD_S <= time.monotonic():
                lane.tally.late[caller.rank] += 1
            lane.leave(caller)

    async def _judge(self, failed: Failed) -> None:
        _, question, number, replica, started, code, message, details = failed[:8]
        request_id, left, second = failed[8:]
        assert self._dispatcher is not None
        executor = self._executors[number]
        trailers = grpc.aio.Metadata((translate.DETAILS_KEY, details)) if details else None
        error = grpc.aio.AioRpcError(
            recorded.CODES[code], grpc.aio.Metadata(), trailers or grpc.aio.Metadata(), message
        )
        try:
            sent = await self._dispatcher.again(
                executor,
                executor.endpoints[replica],
                error,
                started=started,
                second=second,
                left=left,
                request_id=request_id,
            )
        except errors.MeshError as fault:
            self.path.refuse(question, *refusal(fault))
        except grpc.aio.AioRpcError:
            self.path.pass_on(question, translate.reason_of(error))
        else:
            self.path.send_again(question, executor.number(sent))

    def _fail(self, question: int, error: BaseException) -> None:
        """Answer a question that we cannot: a fault of ours."""
        self.answered(question)
        self.path.refuse(question, *refusal(errors.Internal(_fault(error))))

    def _judged(self, question: int) -> None:
        task = self._judging.pop(question)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(question, error)


def refusal(error: errors.MeshError) -> Refusal:
    """An error as the data path tells it."""
    status = translate.to_status(error)
    found = translate.verdict(error)
    return status.code, status.message, status.SerializeToString(), found.reason


def identity(caller: Caller) -> Identity:
    """A caller as the data path's table has it."""
    return caller.tenant, caller.who, caller.scopes, caller.until


def _fault(error: BaseException) -> str:
    """Log one of ours; its id."""
    error_id = new_request_id()[:12]
    logs.event("internal error", level=logging.ERROR, exc_info=error, error_id=error_id)
    return error_id

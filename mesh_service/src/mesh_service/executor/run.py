"""run: one valid request in a worker, its events passed on as they come.

Rules: the caller learns that the work has begun (initial metadata) before anything else; events go
out in order, and all of them before the response; a child's events are untrusted and those that are
no events are dropped.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

from edgemesh.compute.v1 import compute_pb2
from google.protobuf.message import DecodeError

from mesh_service import errors
from mesh_service.executor.capabilities import Answer
from mesh_service.executor.regions import Taken
from mesh_service.executor.respond import Printed
from mesh_service.executor.sessions import Going
from mesh_service.executor.validate import Valid
from mesh_service.executor.worker import (
    COPYING,
    SESSION,
    SESSION_HEAD,
    STANDING,
    STREAMING,
)
from mesh_service.pool import (
    Done,
    Place,
    PoolClosed,
    PoolFull,
    PoolUnavailable,
    Work,
    WorkerPool,
)
from mesh_service.settings import ExecutorSettings
from mesh_service.stack import Rpc

ASKED_BYTES = 8
"""A question of that length is for a piece of the session's state; a program's are longer."""
STARTED = (("edgemesh-started", "1"),)
TENANT = "edgemesh-tenant"
RETRY_FULL_S = 0.5
IDEMPOTENT_DELAY_S = 0.002
MOST_MERGED = 64 * 1024

Send: TypeAlias = Callable[[compute_pb2.ComputeEvent], Awaitable[None]]


@asynccontextmanager
async def run(
    pool: WorkerPool,
    settings: ExecutorSettings,
    valid: Valid,
    rpc: Rpc,
    printed: Printed,
    send: Send | None,
    places: Taken,
    session: Going | None = None,
    image: Place | None = None,
    answer: Answer | None = None,
) -> AsyncGenerator[Done]:
    """Run it; the body gets what became of it, with buffers that live as long as the body.

    `places` are given back, whatever comes of it. `session`: what it goes on from. `image`: what it
    stands on. `answer`: answers what the worker asks for its program meanwhile.

    Raises QueueFull, NotStarted or ShuttingDown: nothing ran.
    """
    request = valid.request
    flags = STREAMING * (send is not None) | COPYING * (not places.in_place)
    flags |= STANDING * (image is not None)
    limits = request.limits
    head = b""
    if session is not None:
        flags, head = (
            flags | SESSION,
            SESSION_HEAD.pack(session.number, session.calls, session.whole),
        )
    idempotent = valid.algorithm.idempotent and session is None
    work = Work(
        header=bytes([flags]) + head + request.SerializeToString(),
        buffers=[
            *(places.inputs.get(name) or valid.blobs[name] for name in sorted(request.inputs)),
            *(() if image is None else (image,)),
        ],
        places=[place for _, place in sorted(places.outputs.items())],
        owner=rpc.header(TENANT),
        prefer=0 if session is None else session.worker,
        repeatable=idempotent and answer is None,
        run_time=limits.run_time_ms / 1e3,
        grace=valid.grace_s,
        # A sandbox's files lie beside its memory, and once more on their way out.
        # A session lies there twice, in its interpreter and as it was before, and crosses once.
        # What it stands on lies there twice too, where the worker meets it for the first time.
        memory_bytes=limits.memory_bytes * (1 if session is None else 4)
        + 2 * limits.files_bytes
        + (0 if image is None else 2 * image.length),
        reply_limit=settings.max_response_bytes + (0 if session is None else session.most_bytes),
    )
    start = Start(rpc, idempotent)
    events = _Events(printed, send, start)
    try:
        async with pool.run(
            work,
            on_started=start.begin,
            on_event=events.take,
            on_call=_answering(session, answer),
        ) as done:
            await start.settle()
            await events.finish(rpc.time_left())
            yield done
    except PoolFull as error:
        raise errors.QueueFull(error.queue, RETRY_FULL_S) from None
    except PoolUnavailable as error:
        raise errors.NotStarted(settings.service, error.retry_after) from None
    except PoolClosed:
        raise errors.ShuttingDown(settings.service) from None
    finally:
        start.close()
        events.close()
        places.leave()


def _answering(session: Going | None, answer: Answer | None) -> Answer | None:
    """What answers a worker: it asks for its session's state, and for what its program asks."""
    if session is None or answer is None:
        return answer if session is None else session.tell
    tell, told = session.tell, answer

    async def either(question: bytes) -> bytes:
        return await (tell(question) if len(question) == ASKED_BYTES else told(question))

    return either


class Start:
    """Sends initial metadata when the work begins.

    Where running twice has the effect of running once, it may wait a moment, and is left to the
    answer when that has come by then: it would cost as much as a small algorithm.
    """

    def __init__(self, rpc: Rpc, idempotent: bool) -> None:
        self._rpc = rpc
        self._delay = IDEMPOTENT_DELAY_S if idempotent else 0.0
        self._handle: asyncio.Handle | None = None
        self._task: asyncio.Future[None] | None = None

    def begin(self) -> None:
        """The work begins."""
        if self._handle is None and self._task is None:
            if self._delay:
                loop = asyncio.get_running_loop()
                self._handle = loop.call_later(self._delay, self._send)
            else:
                self._send()

    def _send(self) -> None:
        self._task = asyncio.ensure_future(self._rpc.context.send_initial_metadata(STARTED))
        # A caller who has left makes it fail, and then nobody waits for it.
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def settle(self) -> None:
        """The run has ended: wait for what is on its way, or leave it to the answer."""
        if self._task is not None:
            await self._task
        elif self._handle is not None:
            self._handle.cancel()

    async def sent(self) -> None:
        """An error is about to be sent: what is on its way must not meet it there."""
        if self._task is not None:
            await asyncio.wait((self._task,))

    async def tell(self) -> None:
        """Something else is about to be sent: send this first, and once."""
        if self._task is None:
            if self._handle is not None:
                self._handle.cancel()
            self._send()
        assert self._task is not None
        await self._task

    def close(self) -> None:
        """Nothing more is to be told."""
        if self._handle is not None:
            self._handle.cancel()


class _Events:
    """A run's events on their way to the caller.

    Where the caller reads more slowly than the work tells, what waits is put together: printed text
    into larger pieces, and of progress the newest is kept, in its place among them.
    """

    def __init__(self, printed: Printed, send: Send | None, start: Start) -> None:
        self._printed = printed
        self._send = send
        self._start = start
        self._waiting: deque[compute_pb2.ComputeEvent] = deque()
        self._progress: compute_pb2.ComputeEvent | None = None
        self._texts: dict[int, list[str]] = {}
        self._pieces: list[str] = []
        self._stream: int | None = None
        """Of the piece that is still being put together, and its size below."""
        self._size = 0
        self._changed = asyncio.Event()
        self._ended = False
        self._task: asyncio.Task[None] | None = None

    def take(self, serialized: bytes) -> None:
        try:
            event = compute_pb2.ComputeEvent.FromString(serialized)
        except DecodeError:
            return
        kind = event.WhichOneof("event")
        if kind is None or kind == "response":
            return
        if kind == "output":
            self._printed.add(event.output)
        if self._send is not None:
            if self._task is None:
                self._task = asyncio.create_task(self._pump(self._send))
            self._put(event, kind)
            self._changed.set()

    def _put(self, event: compute_pb2.ComputeEvent, kind: str) -> None:
        if kind == "progress":
            if self._progress is not None:
                self._progress.CopyFrom(event)
                return
            self._progress = event
        elif kind == "output":
            if event.output.stream == self._stream and self._size < MOST_MERGED:
                self._pieces.append(event.output.text)
                self._size += len(event.output.text)
                return
            self._stream, self._size = event.output.stream, len(event.output.text)
            self._pieces = [event.output.text]
            self._texts[id(event)] = self._pieces
        else:
            self._stream = None
        self._waiting.append(event)

    def _next(self) -> compute_pb2.ComputeEvent:
        event = self._waiting.popleft()
        if event is self._progress:
            self._progress = None
        pieces = self._texts.pop(id(event), None)
        if pieces is not None:
            event.output.text = "".join(pieces)
            if pieces is self._pieces:
                self._stream = None
        return event

    async def _pump(self, send: Send) -> None:
        await self._start.tell()
        while True:
            while self._waiting:
                await send(self._next())
            if self._ended:
                return
            self._changed.clear()
            await self._changed.wait()

    async def finish(self, time_left: float | None) -> None:
        """Pass on what waits, for half of the caller's time left; the answer has all text."""
        self._ended = True
        self._changed.set()
        if self._task is None:
            return
        if time_left is not None:
            await asyncio.wait((self._task,), timeout=max(time_left / 2, 0))
            self._waiting.clear()
        await self._task

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

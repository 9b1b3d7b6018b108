"""One attempt at a job: through the gateway's stages, as a call of its tenant's that nobody made.

Rules: what comes before the slot has not begun. Work that may not run twice is marked as begun, on
disk, after it has its slot and before it is sent: a gateway that dies in between loses it rather
than doing it twice. Events are kept as they come, some at a time; the response is no event.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc
from edgemesh.compute.v1 import compute_pb2, job_pb2
from google.protobuf.message import DecodeError

from edgemesh_gateway.admit import Permit
from edgemesh_gateway.executor import Executor
from edgemesh_gateway.identity.caller import Caller
from edgemesh_gateway.jobs.ids import now_ms
from edgemesh_gateway.schedule import Slot
from edgemesh_gateway.store.job_records import JobRecord
from edgemesh_gateway.store.job_terms import Change, Happening
from mesh_service import errors, logs, translate
from mesh_service.stack import Rpc, new_request_id

FLUSH_S = 0.05
"""How long an event may wait for others before it is kept."""
MOST_EVENTS = 10_000
MOST_EVENT_BYTES = 4 << 20

Through: TypeAlias = Callable[
    [bytes, Rpc, Caller, Callable[[Executor, Permit, Slot], Awaitable[None]]], Awaitable[None]
]
"""The gateway's stages: request, call, caller, how to dispatch."""
Keep: TypeAlias = Callable[[Change], Awaitable[bool]]


class NotOurs(Exception):
    """The job is another's by now, or ended."""


class Errand(Rpc):
    """A call that no client made: what it would be sent goes to the job."""

    __slots__ = ("_take",)

    def __init__(self, job: JobRecord, take: Callable[[bytes], Awaitable[None]]) -> None:
        self.method = "Job"
        self.context: Any = None
        self.metadata = ()
        self.request_id = job.id
        self.tenant = job.tenant
        self.deadline = None
        self.notes = {}
        self._take = take
        if job.deadline_ms is not None:
            self.deadline = time.monotonic() + (job.deadline_ms - now_ms()) / 1e3

    async def write(self, message: Any) -> None:
        """Keep it."""
        await self._take(message)


class Attempt:
    """An attempt that is being made."""

    def __init__(
        self, job: JobRecord, through: Through, send: Any, keep: Keep, told: Callable[[str], None]
    ) -> None:
        """`send`: the dispatcher's way of streams. `told`: hears of a job that has news."""
        self.job = job
        self.begun = False
        """Whether it had its slot."""
        self.response: compute_pb2.ComputeResponse | None = None
        self.sequence = job.last_event
        self._through, self._send, self._keep, self._told = through, send, keep, told
        self._pending: list[Happening] = []
        self._kept, self._kept_bytes = 0, 0
        self._flushing: asyncio.Task[None] | None = None
        self._over = asyncio.Event()

    async def run(self, request: bytes) -> None:
        """Make it; `response` is set then. Raises MeshError, an executor's refusal, NotOurs."""
        job = self.job
        # The last value of a field counts: what the job says stands behind what came.
        more = compute_pb2.ComputeRequest(priority=compute_pb2.Priority.ValueType(job.priority))
        errand = Errand(job, self._take)
        try:
            await self._through(
                request + more.SerializeToString(), errand, caller_of(job), self._dispatch
            )
        finally:
            self._over.set()
            if self._flushing is not None:
                await asyncio.gather(self._flushing, return_exceptions=True)
        if self.response is None:
            raise errors.Internal(job.id[:12])

    def rest(self) -> list[Happening]:
        """Events that are not kept yet; they go with the end."""
        rest, self._pending = self._pending, []
        return rest

    def next(self, state: int) -> Happening:
        """The event of a new state."""
        self.sequence += 1
        return Happening(self.sequence, now_ms(), self.job.attempts, state)

    async def _dispatch(self, executor: Executor, permit: Permit, slot: Slot) -> None:
        job = self.job
        if job.attempt_timeout_ms:
            until = time.monotonic() + job.attempt_timeout_ms / 1e3
            permit.deadline = until if permit.deadline is None else min(until, permit.deadline)
        if not job.idempotent and not await self._note({"begun": True}):
            raise NotOurs
        self.begun = True
        await self._send(executor, permit, slot)

    async def _take(self, raw: bytes) -> None:
        try:
            event = compute_pb2.ComputeEvent.FromString(raw)
        except DecodeError:
            return
        if event.HasField("response"):
            self.response = event.response
            return
        self._kept += 1
        self._kept_bytes += len(raw)
        if self._kept > MOST_EVENTS or self._kept_bytes > MOST_EVENT_BYTES:
            return
        self.sequence += 1
        self._pending.append(Happening(self.sequence, now_ms(), self.job.attempts, 0, raw))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush(), name="job events")

    async def _flush(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_S):
                await self._over.wait()
        while self._pending:
            now = list(self._pending)
            # Where this fails nobody knows whether they are kept, so they are given up.
            del self._pending[: len(now)]
            if not await self._note({"last_event": now[-1].sequence}, now):
                return
            self._told(self.job.id)

    async def _note(
        self, fields: dict[str, Any], happenings: list[Happening] | None = None
    ) -> bool:
        job = self.job
        assert job.owner is not None
        return await self._keep(Change(job.id, job.owner, job.attempts, fields, happenings or ()))


def caller_of(job: JobRecord) -> Caller:
    """Who has handed it in, with the scopes of then."""
    lists: list[list[str]] = json.loads(job.scopes)
    return Caller(job.tenant, job.who, tuple(map(tuple, lists)))


def reason_of(error: Exception) -> str:
    """The reason of an attempt's failure."""
    if isinstance(error, errors.MeshError):
        return translate.verdict(error).reason
    if isinstance(error, grpc.RpcError):
        return translate.reason_of(error)
    return translate.INTERNAL.reason


def error_bytes(error: Exception) -> bytes:
    """A failure as a serialised JobError, whose fields are those of google.rpc.Status."""
    if isinstance(error, grpc.aio.AioRpcError):
        for key, value in error.trailing_metadata() or ():
            if key == translate.DETAILS_KEY and isinstance(value, bytes):
                return value
        code: int = error.code().value[0]
        return job_pb2.JobError(
            code=code, message=(error.details() or "")[:512]
        ).SerializeToString()
    if not isinstance(error, errors.MeshError):
        error_id = _logged(error)
        error = errors.Internal(error_id)
    return translate.to_status(error).SerializeToString()


def _logged(error: Exception) -> str:
    """Log a fault of ours; its id."""
    error_id = new_request_id()[:12]
    logs.event("internal error", level=logging.ERROR, exc_info=error, error_id=error_id)
    return error_id

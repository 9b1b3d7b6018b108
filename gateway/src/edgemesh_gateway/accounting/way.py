"""The way of one request through this process, noted as it goes.

Rules: a context manager around the stages: leaving it tells what became of the request, once. The
native data path does the same for what it answers itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import TracebackType

import grpc

from edgemesh_gateway.accounting import seen
from edgemesh_gateway.accounting.happened import Happened
from edgemesh_gateway.accounting.seen import NOTHING, Seen
from mesh_service import errors, tracing, translate
from mesh_service.stack import Rpc


class Way:
    """It."""

    __slots__ = (
        "_began",
        "_held",
        "_rpc",
        "_tell",
        "_waited",
        "executor",
        "executor_s",
        "queue_s",
        "received",
        "replica",
        "seen",
        "sent",
        "tenant",
    )

    def __init__(
        self, rpc: Rpc, tenant: str, received: int, tell: Callable[[Happened], None]
    ) -> None:
        """`received`: the request's bytes. `tell`: hears what became of it."""
        self._rpc, self._tell = rpc, tell
        self._began = self._waited = self._held = time.perf_counter()
        self.tenant, self.received, self.sent = tenant, received, 0
        self.executor = self.replica = ""
        self.queue_s = self.executor_s = 0.0
        self.seen: Seen = NOTHING

    def waits(self) -> None:
        """From now on it waits for a slot."""
        self._waited = time.perf_counter()

    def holds(self, executor: str) -> None:
        """It has one, of that executor's."""
        self.executor = executor
        self._held = time.perf_counter()
        self.queue_s = self._held - self._waited

    def goes(self, replica: str) -> None:
        """It is sent to a replica."""
        self.replica = replica

    @contextmanager
    def running(self) -> Generator[None]:
        """While it has the slot."""
        try:
            yield
        finally:
            self.executor_s = time.perf_counter() - self._held

    def answer(self, message: bytes) -> None:
        """The answer has come."""
        self.sent += len(message)
        self.seen = seen.answer(message)

    def event(self, message: bytes) -> None:
        """An event has come."""
        self.sent += len(message)
        last = seen.event(message)
        if last is not None:
            self.seen = last

    def __enter__(self) -> Way:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        code, reason = _ended(error)
        rpc = self._rpc
        self._tell(
            Happened(
                request_id=rpc.request_id,
                tenant=self.tenant,
                method=rpc.method,
                algorithm=str(rpc.notes.get("algorithm", "")),
                ended=time.time(),
                total_s=time.perf_counter() - self._began,
                code=code,
                reason=reason,
                executor=self.executor,
                replica=self.replica,
                queue_s=self.queue_s,
                executor_s=self.executor_s,
                received=self.received,
                sent=self.sent,
                seen=self.seen,
                trace_id=tracing.trace_id(),
            )
        )


def _ended(error: BaseException | None) -> tuple[str, str]:
    """Status and reason of how it ended."""
    if error is None:
        return "OK", ""
    if isinstance(error, asyncio.CancelledError):
        return "CANCELLED", ""
    if isinstance(error, grpc.aio.AioRpcError):
        return error.code().name, translate.reason_of(error)
    if isinstance(error, errors.MeshError):
        found = translate.verdict(error)
        return found.code.name, found.reason
    return translate.INTERNAL.code.name, translate.INTERNAL.reason

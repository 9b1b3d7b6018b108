"""The one ordered stack that every RPC passes: answer, count, identify, log and measure, bound.

Rules: handlers are `async (request, rpc) -> response`, or stream through `rpc.write` and return
nothing; the stack wraps a handler once, when it is registered, so that a call costs plain calls and
no look-ups. Handlers raise MeshErrors; the outermost layer alone speaks gRPC.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, cast

import grpc

from mesh_service import errors, logs, tracing, translate
from mesh_service.metrics import Metrics

REQUEST_ID = "edgemesh-request-id"
MOST_ID = 128
STALL_S = 10.0
_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class Rpc:
    """One call as the stack and its handler see it."""

    __slots__ = (
        "code",
        "context",
        "deadline",
        "metadata",
        "method",
        "notes",
        "request_id",
        "tenant",
    )

    def __init__(self, method: str, context: Context) -> None:
        self.method = method
        self.context = context
        self.metadata: tuple[tuple[str, str | bytes], ...] = cast(
            Any, context.invocation_metadata() or ()
        )
        self.request_id = ""
        self.tenant = ""
        self.code = "OK"
        """The status that it ended with."""
        self.deadline: float | None = None
        """When the caller's patience ends, on time.monotonic(); None: never."""
        self.notes: dict[str, Any] = {}
        """What the handler adds to the call's log line."""

    def header(self, key: str) -> str:
        """A text header's first value, or empty."""
        for name, value in self.metadata:
            if name == key:
                return value if isinstance(value, str) else ""
        return ""

    def time_left(self) -> float | None:
        """Seconds until the deadline; None without one."""
        return None if self.deadline is None else self.deadline - time.monotonic()

    async def write(self, message: Any) -> None:
        """Send one message of a stream.

        Raises Cancelled when the caller has left, DeadlineExceeded when it reads nothing for
        STALL_S: who does not read must not hold what others wait for.
        """
        try:
            async with asyncio.timeout(STALL_S):
                await self.context.write(message)
        except TimeoutError:
            raise errors.DeadlineExceeded("delivery: nothing was read") from None
        except grpc.aio.BaseError:
            raise errors.Cancelled from None


Handler: TypeAlias = Callable[[Any, Rpc], Awaitable[Any]]
Layer: TypeAlias = Callable[[Handler], Handler]


class Flight:
    """How many calls run, and whether new ones are taken."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.count = 0
        self.draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    def enter(self) -> None:
        """Count a call in. Raises ShuttingDown while draining."""
        if self.draining:
            raise errors.ShuttingDown(self.service)
        self.count += 1
        self._idle.clear()

    def leave(self) -> None:
        """Count a call out."""
        self.count -= 1
        if not self.count:
            self._idle.set()

    async def drained(self) -> None:
        """Wait until nothing runs."""
        await self._idle.wait()


def layered(flight: Flight | None, metrics: Metrics, handler: Handler) -> Handler:
    """The stack of one method, but for what speaks gRPC; raises MeshError, and a peer's refusal.

    Without a flight the call is not waited for when the service stops: for watches, which never
    end by themselves.
    """
    inner = _identified(_observed(metrics, _bounded(_guarded(handler))))
    return inner if flight is None else _counted(flight, _traced(inner))


def new_request_id() -> str:
    """A fresh id, 24 hex digits."""
    return os.urandom(12).hex()


def valid_request_id(text: str) -> bool:
    """Whether a caller's id may appear in logs and headers."""
    return _ID.fullmatch(text) is not None


def answered(method: str, handler: Handler) -> Callable[[Any, Context], Awaitable[Any]]:
    """What gRPC is given for a stack: it says errors as statuses."""

    async def behaviour(request: Any, context: Context) -> Any:
        try:
            return await handler(request, Rpc(method, context))
        except errors.MeshError as error:
            status = translate.to_status(error)
            details = ((translate.DETAILS_KEY, status.SerializeToString()),)
            await context.abort(translate.verdict(error).code, status.message, details)
        except grpc.aio.AioRpcError as error:
            # A peer's refusal, passed on as it is: status, details, trailers.
            await context.abort(
                error.code(), error.details() or "", tuple(error.trailing_metadata() or ())
            )

    return behaviour


def _counted(flight: Flight, handler: Handler) -> Handler:
    async def counted(request: Any, rpc: Rpc) -> Any:
        flight.enter()
        try:
            return await handler(request, rpc)
        finally:
            flight.leave()

    return counted


def _traced(handler: Handler) -> Handler:
    async def traced(request: Any, rpc: Rpc) -> Any:
        if not tracing.on():
            return await handler(request, rpc)
        with tracing.served(rpc.method, tracing.told(rpc.metadata)) as span:
            try:
                return await handler(request, rpc)
            finally:
                tracing.note(span, {"request_id": rpc.request_id, "tenant": rpc.tenant})
                tracing.note(span, rpc.notes, rpc.code if rpc.code != "OK" else "")

    return traced


def _identified(handler: Handler) -> Handler:
    async def identified(request: Any, rpc: Rpc) -> Any:
        given = rpc.header(REQUEST_ID)
        rpc.request_id = given if given and valid_request_id(given) else new_request_id()
        return await handler(request, rpc)

    return identified


def _observed(metrics: Metrics, handler: Handler) -> Handler:
    async def observed(request: Any, rpc: Rpc) -> Any:
        started = time.perf_counter()
        code = "OK"
        level = logging.INFO
        try:
            return await handler(request, rpc)
        except asyncio.CancelledError:
            code = "CANCELLED"
            raise
        except grpc.aio.AioRpcError as error:
            code = error.code().name
            raise
        except errors.MeshError as error:
            found = translate.verdict(error)
            code = found.code.name
            level = logging.WARNING if found is translate.INTERNAL else logging.INFO
            rpc.notes["reason"] = found.reason
            rpc.notes["error"] = str(error)[:256]
            raise
        finally:
            seconds = time.perf_counter() - started
            rpc.code = code
            trace = tracing.trace_id()
            metrics.observe(rpc.method, code, seconds)
            logs.event(
                "rpc",
                level=level,
                method=rpc.method,
                code=code,
                ms=round(seconds * 1e3, 2),
                request_id=rpc.request_id,
                **({"tenant": rpc.tenant} if rpc.tenant else {}),
                **({"trace_id": trace} if trace else {}),
                **rpc.notes,
            )

    return observed


def _bounded(handler: Handler) -> Handler:
    async def bounded(request: Any, rpc: Rpc) -> Any:
        left = cast(float | None, rpc.context.time_remaining())
        if left is not None:
            if left <= 0:
                raise errors.DeadlineExceeded("arrival")
            rpc.deadline = time.monotonic() + left
        return await handler(request, rpc)

    return bounded


def _guarded(handler: Handler) -> Handler:
    async def guarded(request: Any, rpc: Rpc) -> Any:
        try:
            return await handler(request, rpc)
        except (errors.MeshError, grpc.aio.AioRpcError, grpc.aio.AbortError):
            raise
        except Exception as error:
            error_id = new_request_id()[:12]
            logs.event(
                "internal error",
                level=logging.ERROR,
                exc_info=error,
                error_id=error_id,
                request_id=rpc.request_id,
            )
            raise errors.Internal(error_id) from error

    return guarded

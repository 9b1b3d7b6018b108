"""One channel to the mesh: credentials, deadlines, retries, errors.

Rules: every call has a deadline, and a span, which its retries share. Cancelling the task cancels
the call.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import TypeVar

import grpc

from edgemesh_client import tracing
from edgemesh_client.errors import DeadlineExceeded, MeshError
from edgemesh_client.options import Options, Retries
from edgemesh_client.translate import from_rpc, may_retry

_FOR_EVER_S = 1e9
"""More than this is no deadline: gRPC cannot say much more."""
_CHANNEL = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.enable_retries", 0),  # they are made here, by what the mesh says
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)
_GIVEN_BACK = 0.1
_Q = TypeVar("_Q")
_R = TypeVar("_R")


class Budget:
    """How many retries are left to all calls of a client together."""

    def __init__(self, most: float) -> None:
        self._most = self._left = most

    def take(self) -> bool:
        """Whether one may be made now."""
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def give_back(self) -> None:
        """A call has ended well."""
        self._left = min(self._most, self._left + _GIVEN_BACK)


def pause_s(retries: Retries, attempt: int, error: MeshError) -> float:
    """How long to wait before the next attempt."""
    if error.retry_after_s is not None:
        return error.retry_after_s
    doubled: float = min(retries.most_s, retries.first_s * 2.0**attempt)
    return doubled * random.uniform(0.5, 1.0)  # noqa: S311


class Link:
    """The channel. Made in the event loop that uses it."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._budget = Budget(options.retries.budget)
        self._metadata = (("authorization", f"Bearer {options.bearer}"),) if options.bearer else ()
        arguments = list(_CHANNEL)
        if not options.tls:
            self.channel = grpc.aio.insecure_channel(options.address, options=arguments)
            return
        credentials = grpc.ssl_channel_credentials(
            options.ca, options.certificate_key, options.certificate
        )
        if options.server_name:
            arguments.append(("grpc.ssl_target_name_override", options.server_name))  # type: ignore[arg-type]
        self.channel = grpc.aio.secure_channel(options.address, credentials, options=arguments)

    async def close(self) -> None:
        """End it, and the calls on it."""
        await self.channel.close()

    async def unary(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[_Q, _R],
        request: _Q,
        *,
        timeout: float | None = None,
        safe: bool = False,
    ) -> _R:
        """One call, with its retries; `safe`: it may be sent again though it may have begun."""
        ends = self._ends(timeout)
        with tracing.calling(method, request) as traced:
            metadata = self._metadata + traced.metadata
            for attempt in range(self.options.retries.attempts):
                traced.attempt(attempt)
                try:
                    answer = await method(request, timeout=_left(ends), metadata=metadata)
                except grpc.aio.AioRpcError as error:
                    await self._pause(from_rpc(error), attempt, ends, safe=safe)
                else:
                    self._budget.give_back()
                    return answer
        raise AssertionError("the last attempt returns or raises")

    async def stream(
        self,
        method: grpc.aio.UnaryStreamMultiCallable[_Q, _R],
        request: _Q,
        *,
        timeout: float | None = None,
        safe: bool = False,
    ) -> AsyncIterator[_R]:
        """One streamed call, tried again as long as nothing of it has come."""
        ends = self._ends(timeout)
        with tracing.calling(method, request) as traced:
            metadata = self._metadata + traced.metadata
            for attempt in range(self.options.retries.attempts):
                traced.attempt(attempt)
                call = method(request, timeout=_left(ends), metadata=metadata)
                begun = False
                try:
                    async for answer in call:
                        begun = True
                        yield answer
                except grpc.aio.AioRpcError as error:
                    failure = from_rpc(error)
                    if begun:
                        raise failure from None
                    await self._pause(failure, attempt, ends, safe=safe)
                else:
                    self._budget.give_back()
                    return
                finally:
                    call.cancel()

    def _ends(self, timeout: float | None) -> float:
        seconds = self.options.timeout if timeout is None else timeout
        return asyncio.get_running_loop().time() + seconds

    async def _pause(self, error: MeshError, attempt: int, ends: float, *, safe: bool) -> None:
        """Wait until the next attempt. Raises the error where there is to be none."""
        retries = self.options.retries
        if attempt + 1 >= retries.attempts or not may_retry(error, safe=safe):
            raise error from None
        wait = pause_s(retries, attempt, error)
        if asyncio.get_running_loop().time() + wait >= ends or not self._budget.take():
            raise error from None
        await asyncio.sleep(wait)


def _left(ends: float) -> float | None:
    """Seconds until then, as gRPC wants to be told; None: it may take for ever."""
    left = ends - asyncio.get_running_loop().time()
    if left > _FOR_EVER_S:
        return None
    if left <= 0:
        raise DeadlineExceeded("DEADLINE_EXCEEDED", "the time given was over before the call")
    return left

"""Calls the gateway's own services as a gRPC client would, without gRPC.

Rules: a call goes through the stack that gRPC's go through: counted, identified, logged, measured,
bounded. Of a caller's headers only its credentials and its request id are passed on, so that nobody
can say by HTTP what only the mesh may say (`edgemesh-tenant`, `edgemesh-ticket`, …).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import anyio
from google.protobuf.message import Message

from mesh_service import errors, tracing
from mesh_service.stack import REQUEST_ID, Handler, Rpc

Reply = TypeVar("Reply", bound=Message)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and how long it waits."""

    authorization: str = ""
    """The header of that name."""
    request_id: str = ""
    deadline: float | None = None
    """When its patience ends, on time.monotonic()."""
    trace: Mapping[str, str] = field(default_factory=dict[str, str])
    """The headers of a trace's context."""
    peer: str = ""
    """Where it came from, as gRPC would write it."""


class _Context:
    """What a stack needs of gRPC's context."""

    def __init__(self, caller: Caller, write: Callable[[bytes], Awaitable[None]]) -> None:
        self._caller = caller
        self.write = write

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        given = (
            ("authorization", self._caller.authorization),
            (REQUEST_ID, self._caller.request_id),
        )
        return tuple(pair for pair in given if pair[1])

    def time_remaining(self) -> float | None:
        deadline = self._caller.deadline
        return None if deadline is None else deadline - time.monotonic()

    def peer(self) -> str:
        return self._caller.peer

    def auth_context(self) -> dict[str, list[bytes]]:
        return {}

    async def send_initial_metadata(self, _: object) -> None:
        """Nobody here waits for it."""


async def _nowhere(_: bytes) -> None:
    raise AssertionError("a unary method streams")


class Core:
    """The gateway's services."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        """`handlers`: by service/method, as MeshServer has them."""
        self._handlers = handlers

    async def raw(self, method: str, message: bytes, caller: Caller) -> bytes:
        """Call a unary method. Raises MeshError, AioRpcError."""
        rpc = _rpc(method, _Context(caller, _nowhere))
        with tracing.served(f"REST {rpc.method}", caller.trace):
            answer: bytes = await self._handlers[method](message, rpc)
        return answer

    async def call(
        self, service: str, method: str, request: Message, kind: type[Reply], caller: Caller
    ) -> Reply:
        """The same with messages."""
        raw = await self.raw(f"{service}/{method}", request.SerializeToString(), caller)
        return kind.FromString(raw)

    @asynccontextmanager
    async def stream(
        self, method: str, message: bytes, caller: Caller
    ) -> AsyncGenerator[AsyncGenerator[bytes]]:
        """Call a streaming method: messages as they come. Leaving the block ends the call."""
        # One may wait to be taken: whoever reads slowly holds back who writes.
        send, receive = anyio.create_memory_object_stream[bytes](1)

        async def write(message: bytes) -> None:
            try:
                await send.send(message)
            except anyio.BrokenResourceError:
                raise errors.Cancelled from None

        async def run() -> None:
            rpc = _rpc(method, _Context(caller, write))
            with tracing.served(f"REST {rpc.method}", caller.trace):
                async with send:
                    await self._handlers[method](message, rpc)

        task = asyncio.create_task(run(), name=f"stream {caller.request_id}")

        async def messages() -> AsyncGenerator[bytes]:
            async for each in receive:
                yield each
            await task

        try:
            yield messages()
        finally:
            task.cancel()
            await asyncio.wait({task})
            receive.close()
            if not task.cancelled():
                task.exception()  # Raised to the reader, or of no interest to one who left.


def _rpc(method: str, context: _Context) -> Rpc:
    return Rpc(method.rpartition("/")[2], cast(Any, context))

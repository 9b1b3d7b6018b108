"""What a front knows of sessions: who keeps them, and what a call of one needs.

Rules: an executor that keeps sessions gives its front a `Sessions`. A call holds its session while
it runs, so that calls of one run in their order; what it has changed is kept before its answer is
sent. The front looks into no state: to it that is bytes, which a worker asks for and changes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from prometheus_client.core import Metric

from mesh_service.executor.ground import Standing
from mesh_service.stack import Handler, Rpc


class Going(Protocol):
    """A session that is held by one call."""

    number: bytes
    """16 bytes that no other state has, …"""
    calls: int
    """… and how many calls went on from there."""
    whole: bool
    """Whether all of it is wanted back, not only what has changed."""
    worker: int
    """Process id of the worker that ran the call before; 0: none."""
    most_bytes: int
    """Bytes that a change may have."""

    async def tell(self, question: bytes) -> bytes:
        """A piece of the state; see `call.SessionOf.ask`."""
        ...

    async def keep(self, change: memoryview, worker: int) -> None:
        """Keep what a call has changed. Raises MeshError: then it was not."""
        ...


class Sessions(Protocol):
    """Keeps sessions."""

    def hold(self, standing: Standing, rpc: Rpc) -> AbstractAsyncContextManager[Going]:
        """Hold the request's session, made if there is none, when its calls before have ended.

        A new one begins in the image on which the request stands, if there is one.

        Raises InvalidRequest, UnknownSession, UnusableSession, QuotaExceeded.
        """
        ...

    @property
    def services(self) -> dict[str, dict[str, tuple[str, Handler]]]:
        """The services that are about them: methods by service."""
        ...

    def collect(self) -> Iterable[Metric]:
        """Figures for `/metrics`."""
        ...

    def start(self) -> None:
        """Begin what it does by itself."""
        ...

    async def stop(self) -> None:
        """End what it does by itself."""
        ...


class Host:
    """What a keeper of sessions may ask of the front, set when there is one."""

    execute: Callable[[bytes, Rpc], Awaitable[bytes]]
    """Runs a request as if a caller had sent it."""
    authenticate: Callable[[Rpc], None]
    """Raises unless a call may be served at all."""

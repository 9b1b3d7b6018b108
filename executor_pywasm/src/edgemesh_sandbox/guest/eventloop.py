"""`asyncio.run` without sockets: the standard loop, woken by time alone.

Rules: there are no threads and no descriptors in the guest, so nothing can become ready while
the loop waits but a timer and what the host does for it; the self-pipe, which needs a socket
pair, is left out.
"""
# pyright: basic, reportIncompatibleMethodOverride=false

from __future__ import annotations

import asyncio
import errno
import selectors
import time
from typing import Any, Protocol


class Outside(Protocol):
    """What goes on outside of the guest, on behalf of tasks."""

    waiting: dict[int, asyncio.Future[Any]]

    def wake(self, timeout: float | None) -> None:
        """Wake tasks whose calls have ended; wait for the first as long as `timeout`."""
        ...


_outside: list[Outside] = []


class _NoDescriptors(selectors.SelectSelector):
    """Waits for the time given; there is nothing to select from."""

    def select(self, timeout: float | None = None) -> list[Any]:
        if _outside and _outside[0].waiting:
            _outside[0].wake(timeout)
            return []
        if timeout is None:  # nothing can ever wake it: wait for the deadline
            timeout = 3600.0
        if timeout > 0:
            time.sleep(timeout)
        return []


class Loop(asyncio.SelectorEventLoop):
    """A loop of timers and callbacks."""

    def __init__(self, selector: selectors.BaseSelector | None = None) -> None:
        super().__init__(selector or _NoDescriptors())

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        """Call it here and now, on no other thread: there is none."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    async def _no_network(self, *_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOTSUP, "there is no network in the sandbox")

    async def _no_processes(self, *_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOTSUP, "there are no processes in the sandbox")

    def add_signal_handler(self, sig: int, callback: Any, *args: Any) -> None:
        """Refuse it, as where a system has no signals."""
        raise NotImplementedError("there are no signals in the sandbox")

    getaddrinfo = getnameinfo = create_connection = create_server = _no_network
    create_datagram_endpoint = create_unix_connection = create_unix_server = _no_network
    subprocess_exec = subprocess_shell = _no_processes

    def _make_self_pipe(self) -> None:
        self._ssock = self._csock = None
        self._internal_fds = 0

    def _close_self_pipe(self) -> None:
        pass

    def _write_to_self(self) -> None:
        pass


def attend(outside: Outside) -> None:
    """Have loops look outside too."""
    _outside[:] = [outside]


def install() -> None:
    """Make it the standard loop; a program may still set a policy or a factory of its own."""
    for module in (asyncio, asyncio.unix_events):
        module.EventLoop = module.SelectorEventLoop = Loop  # type: ignore[misc]
    policy: Any = asyncio.unix_events._UnixDefaultEventLoopPolicy  # type: ignore[attr-defined]
    policy._loop_factory = Loop

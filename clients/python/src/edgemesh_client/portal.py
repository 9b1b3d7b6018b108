"""An event loop on a thread of its own, for callers who do not have one.

Rules: what the caller interrupts (Ctrl-C) is cancelled. The thread is no reason for the process to
go on.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, TypeVar

from edgemesh_client.errors import ClientClosed

_T = TypeVar("_T")
_STOP_S = 5.0


class Portal:
    """The loop; closed by `close`, or when the process ends."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._gate, self._closing = threading.Lock(), False
        self._thread = threading.Thread(target=self._serve, name="edgemesh-client", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    @property
    def closed(self) -> bool:
        """Whether it is."""
        return self._closing

    def begin(self, work: Coroutine[Any, Any, _T]) -> Future[_T]:
        """Have `work` done, as a future."""
        with self._gate:  # what is begun while it closes would never end
            if not self._closing:
                return asyncio.run_coroutine_threadsafe(work, self._loop)
        work.close()
        raise ClientClosed

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """What `work` returns or raises; ClientClosed where the portal is closed, or gets so."""
        future = self.begin(work)
        try:
            return future.result()
        except CancelledError:
            if not self._closing:
                raise
            raise ClientClosed from None
        except BaseException:
            future.cancel()
            raise

    def each(self, items: AsyncIterator[_T]) -> Iterator[_T]:
        """The items, one after the other; what they come from ends when the caller leaves."""

        # An interrupt leaves a step that is being cancelled: what closes them waits for its end.
        one_at_a_time, step = asyncio.Lock(), list[asyncio.Task[Any] | None]()

        async def following() -> _T | None:
            step[:] = [asyncio.current_task()]
            async with one_at_a_time:
                with suppress(StopAsyncIteration):
                    return await anext(items)
            return None

        async def end() -> None:
            close = getattr(items, "aclose", None)
            for task in step:  # one that came before there was a future to cancel left it running
                if task is not None and not task.cancelling():
                    task.cancel()
            async with one_at_a_time:
                if close is not None:
                    await close()

        try:
            while (item := self.run(following())) is not None:
                yield item
        finally:
            with suppress(ClientClosed):
                self.run(end())

    def close(self) -> None:
        """Stop the loop, and wait for its thread."""
        with self._gate:
            if self._closing:
                return
            self._closing = True
        atexit.unregister(self.close)
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).result(_STOP_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_S)
        if not self._thread.is_alive():
            self._loop.close()


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()

"""A mesh in a thread of its own, for tests that have no event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType

from edgemesh_local.mesh import Mesh


class Running:
    """The mesh, from `with` to its end."""

    def __init__(self, executors: Sequence[str], settings: Mapping[str, Mapping[str, str]]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self.mesh = Mesh(executors, settings=settings)

    def __enter__(self) -> Running:
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self.mesh.start(), self._loop).result()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self.mesh.stop(), self._loop).result()
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def port(self, name: str) -> str:
        """A service's port."""
        return self.mesh.address(name).rpartition(":")[2]

    @property
    def rest(self) -> str:
        """The port of REST."""
        return self.mesh.http("gateway").rpartition(":")[2]

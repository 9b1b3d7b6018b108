"""Who serves: the crews of the versions that are needed, and how one set follows another.

Rules: those that are to come are ready before anything changes; then it changes in one step; then
those that are needed no more end, when their calls have. A version whose workers do not come is
told of by exception, and changes nothing. Only some start at a time, each with all of its own time:
an executor that is started again has those of every plugin to start, and on a busy machine all of
them at once would all be late.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence

from edgemesh_executor_cpp.files import Version
from mesh_service.executor.crew import Crew


class NoWorkers(Exception):
    """A version's workers do not come, which may pass, or describe nothing that can be offered."""

    def __init__(self, version: Version, reason: str, passing: bool) -> None:
        super().__init__(reason)
        self.version, self.reason, self.passing = version, reason, passing


class Roll:
    """The crews that serve, in the order of their offers."""

    def __init__(
        self,
        enlist: Callable[[Version], Crew],
        changed: Callable[[], None],
        start_s: float,
        drain_s: float,
    ) -> None:
        """`enlist` makes a crew; `drain_s`: how long calls may go on in one that leaves."""
        self.crews: Sequence[Crew] = ()
        self._enlist, self._changed = enlist, changed
        self._start_s, self._drain_s = start_s, drain_s
        self._versions: Sequence[Version] = ()
        self._leaving: dict[asyncio.Task[None], Crew] = {}
        self._turns = asyncio.Semaphore(max(2, len(os.sched_getaffinity(0))))

    async def serve(self, versions: Sequence[Version]) -> None:
        """Serve exactly these from now on. Raises NoWorkers for the first that cannot."""
        mustered = await asyncio.gather(*map(self.muster, versions), return_exceptions=True)
        for failure in mustered:
            if failure is not None:
                raise failure
        before, self._versions = self._versions, versions
        self.crews = [version.crew for version in versions if version.crew is not None]
        for crew in self.crews:
            crew.on_change = self._changed
        self._changed()
        for version in before:
            if version not in versions:
                self.dismiss(version)

    async def muster(self, version: Version) -> None:
        """Give it workers, if it has none; it does not serve yet. Raises NoWorkers."""
        async with version.turn:
            if version.crew is None:
                version.crew = await self._start(version)

    def dismiss(self, version: Version) -> None:
        """Let its workers go; it must not serve."""
        crew, version.crew = version.crew, None
        if crew is not None:
            crew.on_change = lambda: None
            task = asyncio.create_task(crew.pool.stop(self._drain_s))
            self._leaving[task] = crew
            task.add_done_callback(self._leaving.pop)

    async def stop(self) -> None:
        """End all workers."""
        crews = [*self.crews, *self._leaving.values()]
        await asyncio.gather(*(crew.pool.stop() for crew in crews), return_exceptions=True)

    async def _start(self, version: Version) -> Crew:
        async with self._turns:
            crew = self._enlist(version)
            if error := await crew.begin(self._start_s):
                raise NoWorkers(version, error, crew.offers or not crew.pool.description)
            return crew

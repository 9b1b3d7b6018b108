"""Which models are loaded: those that calls ask for, as many as fit.

Rules: a model is counted with what its processes took when it was looked at, before it is loaded;
the one that was called longest ago makes room, when its calls have ended, and its memory is free
when its processes are. Calls that come for one that is leaving wait until it can be loaded again:
so two that do not fit side by side are served in turn. Nothing is loaded twice, kept ones stay.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import asynccontextmanager

from edgemesh_executor_ml.versions import Version
from mesh_service import errors
from mesh_service.executor.crew import Crew

_MIB = 1 << 20
LARGER = "raise EDGEMESH_ML_MODELS_MEMORY_BYTES"
SETTLE_S = 1.0
"""After so long it may be otherwise, where it is a matter of time."""
MORE_ROOM = f"name fewer models in EDGEMESH_ML_KEEP_MODELS, or {LARGER}"
WHOLE_AGAIN = (
    "see that its files are whole and that the machine has memory for it, and raise"
    " EDGEMESH_ML_LOAD_TIMEOUT_MS if that was too short; the executor's log has more"
)
STILL = "try again when nothing has written to its files for a second"


class NotLoaded(Exception):
    """A model cannot be loaded; `reason`, and what would mend it, are for people."""

    def __init__(
        self, version: Version, reason: str, remedy: str, retry_after_s: float | None = None
    ) -> None:
        super().__init__(f"{version.label}: {reason}")
        self.version, self.reason = version, reason
        self.remedy, self.retry_after_s = remedy, retry_after_s

    def told(self) -> errors.UnusableModel:
        """The same, for callers."""
        return errors.UnusableModel(
            self.version.label, self.reason, self.remedy, self.retry_after_s
        )


class _Place:
    """A model that is loaded, or may be."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.crew: Crew | None = None
        self.users = 0
        self.called = 0.0
        self.counted = False
        self.loading: asyncio.Task[Crew] | None = None
        self.left: asyncio.Event | None = None
        """Set when it has left, while it is leaving."""


class Memory:
    """The crews of loaded models."""

    def __init__(
        self,
        enlist: Callable[[Version], Crew],
        changed: Callable[[], None],
        *,
        limit: int,
        processes: int,
        kept: Collection[str],
        start_s: float,
        drain_s: float,
    ) -> None:
        """`limit`: bytes of all models; `processes`: of each; `kept`: names that never leave."""
        self.limit = limit
        self._enlist, self._changed = enlist, changed
        self._processes, self._kept = processes, frozenset(kept)
        self._start_s, self._drain_s = start_s, drain_s
        self._places: dict[Version, _Place] = {}
        self._turn = asyncio.Lock()
        self._news = asyncio.Event()
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def crews(self) -> list[Crew]:
        """Those of loaded models."""
        return [place.crew for place in self._places.values() if place.crew is not None]

    @property
    def used(self) -> int:
        """Bytes that are counted."""
        return sum(self.needs(each.version) for each in self._places.values() if each.counted)

    def needs(self, version: Version) -> int:
        """Bytes that a model is counted with."""
        return version.bytes * self._processes

    def keeps(self, version: Version) -> bool:
        """Whether it never leaves."""
        return version.manifest.name in self._kept

    def crew(self, version: Version) -> Crew | None:
        """Its workers, if it is loaded."""
        place = self._places.get(version)
        return None if place is None else place.crew

    def unfit(self, version: Version, kept: Collection[Version] = ()) -> str:
        """Why a model can never be loaded beside those that are kept; empty where it can."""
        need = self.needs(version)
        others = sum(self.needs(each) for each in kept if each is not version)
        if need + others <= self.limit:
            return ""
        each = f"{self._processes} processes of " if self._processes > 1 else ""
        beside = f" beside {_mib(others)} that are kept" if others else ""
        return (
            f"it needs {_mib(need)} of memory ({each}{_mib(version.bytes)}){beside},"
            f" and models may take {_mib(self.limit)} in all"
        )

    @asynccontextmanager
    async def hold(self, version: Version) -> AsyncGenerator[Crew]:
        """The model's workers, loaded if they were not, for as long as the body runs.

        Raises NotLoaded.
        """
        place = self._places.setdefault(version, _Place(version))
        while place.left is not None:
            await place.left.wait()
        place.users += 1
        try:
            yield await self._crew(place)
        finally:
            place.users -= 1
            place.called = time.monotonic()
            self._news.set()

    async def load(self, version: Version) -> None:
        """See that a model is loaded. Raises NotLoaded."""
        async with self.hold(version):
            pass

    async def unload(self, version: Version) -> bool:
        """Unload a model when its calls have ended; whether it was loaded."""
        place = self._places.get(version)
        if place is None or place.crew is None or place.left is not None:
            return False
        # What has begun goes on when this caller leaves.
        await asyncio.shield(asyncio.create_task(self._leave(place)))
        return True

    def forget(self, version: Version) -> None:
        """A model is offered no longer: its workers end when their calls have."""
        place = self._places.pop(version, None)
        if place is not None:
            task = asyncio.create_task(self._forget(place))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _forget(self, place: _Place) -> None:
        if place.loading is not None:
            await asyncio.wait((place.loading,))
        if place.crew is not None:
            place.crew.on_change = lambda: None
            await place.crew.pool.stop(self._drain_s)
        self._news.set()

    async def stop(self) -> None:
        """End all workers."""
        for place in self._places.values():
            if place.loading is not None:
                place.loading.cancel()
        pools = [crew.pool for crew in self.crews]
        await asyncio.gather(*(pool.stop() for pool in pools), *self._ending)

    async def _crew(self, place: _Place) -> Crew:
        if place.crew is not None:
            return place.crew
        if place.loading is None:
            place.loading = asyncio.create_task(self._load(place))
            place.loading.add_done_callback(lambda task: task.cancelled() or task.exception())
        # Others may wait for it too: it goes on when this caller leaves.
        return await asyncio.shield(place.loading)

    async def _load(self, place: _Place) -> Crew:
        try:
            if place.version.torn:
                raise NotLoaded(place.version, "its files are being changed", STILL, SETTLE_S)
            async with self._turn:
                await self._make_room(place)
                place.counted = True
            crew = self._enlist(place.version)
            if error := await crew.begin(self._start_s):
                place.counted = False
                raise NotLoaded(place.version, f"it cannot be opened: {error}", WHOLE_AGAIN)
            crew.on_change = self._changed
            place.crew, place.called = crew, time.monotonic()
            self._changed()
            return crew
        finally:
            place.loading = None
            self._news.set()

    async def _make_room(self, place: _Place) -> None:
        while self.used + self.needs(place.version) > self.limit:
            self._news.clear()
            movable = [
                each
                for each in self._places.values()
                if each.crew is not None and each.left is None and not self.keeps(each.version)
            ]
            if movable:
                await self._leave(min(movable, key=lambda each: (each.users > 0, each.called)))
            elif any(each.loading or each.left for each in self._places.values() if each.counted):
                await self._news.wait()
            else:
                why = (
                    f"no room: it needs {_mib(self.needs(place.version))}, and of"
                    f" {_mib(self.limit)} for models {_mib(self.used)} are kept"
                )
                raise NotLoaded(place.version, why, MORE_ROOM)

    async def _leave(self, place: _Place) -> None:
        """Let a loaded model go, when its calls have ended."""
        place.left = asyncio.Event()
        try:
            while place.users:
                self._news.clear()
                await self._news.wait()
            crew, place.crew = place.crew, None
            self._changed()
            if crew is not None:
                crew.on_change = lambda: None
                await crew.pool.stop()
            place.counted = False
        finally:
            place.left.set()
            place.left = None
            self._news.set()


def _mib(nbytes: int) -> str:
    return f"{-(-nbytes // _MIB)} MiB"

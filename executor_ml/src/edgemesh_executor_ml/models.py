"""The models that the executor serves: those that lie in its folder, as they come and go.

Rules: a model has worker processes of its own, and nothing of it is loaded before a process that is
thrown away has looked at it. The folder is looked at a few times a second, since notifications do
not cross container mounts and network shares.

    an entry comes or changes ── not still, incomplete ──► looked at again when it changes
      └── looked at ── refused ──► told, logged; what is loaded of it serves on
            └── offered ──► loaded when it is called; those that are kept, and defaults, at once
    an entry goes ──► withdrawn; its calls end; those that are refused are looked at again
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from edgemesh.executor.v1 import executor_pb2

from edgemesh_executor_ml import folder, pins
from edgemesh_executor_ml.entry import Entry
from edgemesh_executor_ml.examine import Examiner
from edgemesh_executor_ml.manifest import Incomplete, Unusable
from edgemesh_executor_ml.memory import MORE_ROOM, SETTLE_S, WHOLE_AGAIN, Memory, NotLoaded
from edgemesh_executor_ml.model_name import asked_model, model_name
from edgemesh_executor_ml.service import SERVICE, ModelMethods
from edgemesh_executor_ml.versions import Offering, Version
from mesh_service import errors, logs
from mesh_service.executor.assign import Assignment
from mesh_service.executor.crew import Crew, Services, Staff
from mesh_service.executor.pinned import Watched
from mesh_service.executor.validate import Catalog, Valid
from mesh_service.pool import WorkerPool
from mesh_service.stack import Rpc

LOOK_S = 0.2


class Models(Staff):
    """The executor's staff: a crew for what needs no model, and one for each loaded model."""

    def __init__(
        self,
        path: Path,
        examiner: Examiner,
        plain: Crew,
        memory: Callable[[Callable[[], None]], Memory],
        kept: Sequence[str],
    ) -> None:
        """`plain`: the crew without a model; `memory`: made with what is to be told of changes."""
        self.on_change: Callable[[], None] = lambda: None
        self._path, self._examiner, self._kept = path, examiner, tuple(kept)
        self._plain = plain
        plain.on_change = self._plain_changed
        self.memory = memory(lambda: self.on_change())
        self.entries: dict[str, Entry] = {}
        self.offering = Offering((), {}, self._kept)
        self._catalog: Catalog | None = None
        self._pins: dict[str, pins.Pin] = {}
        self._watched_pins = Watched([path], pins.read)
        self._tasks: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None
        self._started = False

    @property
    def crews(self) -> Sequence[Crew]:
        """Those that there are now."""
        return (self._plain, *self.memory.crews)

    def plugins(self) -> Iterable[executor_pb2.Plugin]:
        """All models, refused ones included."""
        told = [each.told(self.offering, self.memory) for each in self.entries.values()]
        return [plugin for each in told for plugin in each]

    @property
    def catalog(self) -> Catalog:
        """What models offer, loaded or not, and what needs none."""
        if self._catalog is None:
            models = Catalog(self.offering.algorithms())
            self._catalog = Catalog.joined((models, self._plain.catalog))
        return self._catalog

    @property
    def serves(self) -> bool:
        """Whether there are workers, once all that lay there has been looked at."""
        return self._started and any(crew.serves for crew in self.crews)

    @property
    def assignment(self) -> Assignment:
        """Itself: a call goes to the model that it names."""
        return self

    def services(self, authenticate: Callable[[Rpc], None]) -> Services:
        """ModelService."""
        methods = ModelMethods(lambda: self.offering, self.memory, authenticate)
        return {SERVICE: methods.methods()}

    @asynccontextmanager
    async def assign(self, valid: Valid) -> AsyncGenerator[WorkerPool]:
        """The workers of the model that a call is for. Raises NotStarted."""
        if valid.pool is not None:
            yield valid.pool
            return
        version = self.offering.choose(valid.algorithm.name, model_name(valid.request.parameters))
        if version is None:  # withdrawn in this moment
            raise errors.ShuttingDown(valid.algorithm.name)
        async with contextlib.AsyncExitStack() as stack:
            try:
                crew = await stack.enter_async_context(self.memory.hold(version))
            except NotLoaded as error:
                logs.event("model not loaded", level=logging.ERROR, why=str(error))
                raise error.told() from None
            try:
                yield crew.pool
            except errors.NotStarted as error:
                if not crew.error:  # they were killed, and others are on their way
                    raise
                # Of this model: what the executor else serves is there.
                why = f"its workers end before they take a call: {crew.error}"
                retry_s = max(error.retry_after_s, SETTLE_S)
                raise errors.UnusableModel(version.label, why, WHOLE_AGAIN, retry_s) from None

    def explain(self, error: errors.MeshError, raw: bytes) -> errors.MeshError:
        """Of a model that lies there and was refused: why."""
        model = asked_model(raw)
        refused = next((e for e in self.entries.values() if model and e.refuses(model)), None)
        if refused is None:
            return error
        there = sorted({each.manifest.name for each in self.offering.versions()})
        mend = refused.remedy or f"mend {refused.name} in the models' folder"
        others = f", or take another model: {', '.join(there[:8])}" if there else ""
        return errors.UnusableModel(model, f"it was refused: {refused.refused}", mend + others)

    async def start(self) -> None:
        """Return when all that lies there is offered or refused, and defaults are loaded."""
        plain = asyncio.create_task(self._plain.pool.start())
        await self._look_again()
        while self._tasks:
            await asyncio.wait(self._tasks)
        if not self.offering.defaults():
            logs.event("no models", level=logging.WARNING, folder=str(self._path))
        loads = [self.memory.load(version) for version in self._always()]
        for failure in await asyncio.gather(*loads, return_exceptions=True):
            if isinstance(failure, BaseException):
                logs.event("model not loaded", level=logging.ERROR, why=str(failure))
        await plain
        self._started = True
        self.on_change()
        self._watching = asyncio.create_task(self._watch(), name="watch models")

    async def stop(self) -> None:
        """End all workers."""
        for task in (self._watching, *self._tasks):
            if task is not None:
                task.cancel()
        await asyncio.gather(self._plain.pool.stop(), self.memory.stop())

    def _always(self) -> list[Version]:
        """Those that are loaded at the start: kept ones, then defaults as far as they fit."""
        kept = self._kept_versions()
        room = self.memory.limit - sum(self.memory.needs(each) for each in kept)
        for version in self.offering.defaults():
            if version not in kept and (need := self.memory.needs(version)) <= room:
                kept.append(version)
                room -= need
        return kept

    def _kept_versions(self) -> list[Version]:
        names = {each.version.manifest.name for each in self.entries.values() if each.version}
        return [self.offering.stable(name) for name in self._kept if name in names]

    def _plain_changed(self) -> None:
        self._catalog = None
        self.on_change()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            await self._look_again()

    async def _look_again(self) -> None:
        """Begin what the folder asks for."""
        found, repinned = await asyncio.to_thread(self._look)
        now = folder.now()
        for name, seen in found.items():
            entry = self.entries.setdefault(name, Entry(name))
            if seen != entry.seen:
                entry.seen, entry.since, entry.due = seen, now, True
                if entry.version is not None:
                    entry.version.torn = True
        for entry in list(self.entries.values()):
            if entry.name not in found:
                self._withdraw(entry)
            elif entry.ready(now) and entry.seen is not None:
                entry.due, entry.looking = False, True
                self._begin(self._follow(entry, entry.seen))
        if repinned is not None:
            self._pins = repinned
            pinned = ",".join(f"{name}@{pin.stable}" for name, pin in repinned.items())
            logs.event("models pinned", pins=pinned)
            self._arrange()

    def _look(self) -> tuple[dict[str, folder.Seen], dict[str, pins.Pin] | None]:
        return folder.look(self._path), self._watched_pins.changed()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, entry: Entry, seen: folder.Seen) -> None:
        """Look at an entry; take it in, or refuse it."""
        try:
            version = await self._examiner.examine(self._path / entry.name, seen)
            if entry.seen is seen and not entry.due:  # else it will be looked at again
                await self._take(entry, version)
        except Unusable as error:
            entry.remedy = error.remedy
            self._refuse(entry, str(error), isinstance(error, Incomplete))
        except Exception as error:  # this model's trouble is to be no other's
            logs.event("model trouble", level=logging.ERROR, model=entry.name, error=repr(error))
            self._refuse(entry, f"the executor cannot look at it now: {error!r}", False)
        finally:
            entry.looking = False

    async def _take(self, entry: Entry, version: Version) -> None:
        """Offer a model. Raises Unusable."""
        if self.entries.get(entry.name) is not entry:
            return  # it has gone meanwhile
        for other in self.entries.values():
            if other is not entry and other.version and other.version.label == version.label:
                raise Unusable(f"{version.label} is there already, as {other.name}")
        if unfit := self.memory.unfit(version, self._kept_versions()):
            raise Unusable(unfit, MORE_ROOM)
        before = self.offering.stable(version.manifest.name) if self._knows(version) else None
        if before is not None and self.memory.crew(before) is not None:
            # Callers of what it replaces are not to wait until it is loaded.
            with contextlib.suppress(NotLoaded):
                await self.memory.load(version)
            if self.entries.get(entry.name) is not entry:
                self.memory.forget(version)
                return
        replaced, entry.version, entry.refused = entry.version, version, ""
        self._arrange()
        if replaced is not None:
            self.memory.forget(replaced)
        logs.event("model offered", model=version.label, entry=entry.name, bytes=version.bytes)

    def _knows(self, version: Version) -> bool:
        versions = (each.version for each in self.entries.values() if each.version)
        return any(each.manifest.name == version.manifest.name for each in versions)

    def _refuse(self, entry: Entry, reason: str, incomplete: bool) -> None:
        if self.entries.get(entry.name) is not entry:
            return  # it has gone meanwhile
        if reason != entry.refused:
            level = logging.INFO if incomplete else logging.WARNING
            logs.event("model refused", level=level, entry=entry.name, why=reason)
        entry.refused = reason
        version = entry.version
        if version is not None and self.memory.crew(version) is None:
            entry.version = None  # nothing of it can be loaded any more
            self._arrange()
        self.on_change()

    def _withdraw(self, entry: Entry) -> None:
        del self.entries[entry.name]
        for other in self.entries.values():
            other.due |= bool(other.refused)  # it may have stood in its way
        if (version := entry.version) is not None:
            entry.version = None
            self._arrange()
            self.memory.forget(version)
            logs.event("model withdrawn", model=version.label, entry=entry.name)
        else:
            self.on_change()

    def _arrange(self) -> None:
        """Offer what there is now."""
        versions = [each.version for each in self.entries.values() if each.version is not None]
        self.offering = Offering(versions, self._pins, self._kept)
        self._catalog = None
        self.on_change()

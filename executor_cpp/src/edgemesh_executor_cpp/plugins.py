"""The plugins that the executor serves: those that lie in its folders, as they come and go.

Rules: each version has worker processes of its own, and nothing of it runs before a process that
is thrown away has looked at it. Folders are looked at a few times a second, since notifications do
not cross container mounts and network shares.

    a file comes or changes ── refused ──► told, logged; what lay there before serves on
      │     └── that may pass (too slow, no memory) ──► looked at again, ever more rarely
      └── looked at ──► its workers start ──► served ──► replaced, unpinned: kept beside the newer
    a file goes ──► withdrawn, with all that came in it; those that are refused are looked at again
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgemesh.executor.v1 import executor_pb2

from edgemesh_executor_cpp import pins
from edgemesh_executor_cpp.examine import Examiner, Refused
from edgemesh_executor_cpp.files import File, Seen, Version, arranged, look
from edgemesh_executor_cpp.manifest import SUFFIX, BadManifest, Manifest
from edgemesh_executor_cpp.roll import NoWorkers, Roll
from edgemesh_executor_cpp.store import Store
from mesh_service import logs
from mesh_service.executor.crew import Crew, Staff
from mesh_service.executor.pinned import Watched

LOOK_S = 0.2


class Plugins(Staff):
    """The executor's staff: a crew for each version that serves something."""

    def __init__(
        self,
        folders: Sequence[Path],
        store: Store,
        examiner: Examiner,
        enlist: Callable[[Version], Crew],
        *,
        versions: int,
        start_s: float,
        drain_s: float,
    ) -> None:
        """`versions` of each file are kept."""
        self.on_change: Callable[[], None] = lambda: None
        self._folders = tuple(folders)
        self._store, self._examiner, self._most = store, examiner, versions
        self._roll = Roll(enlist, lambda: self.on_change(), start_s, drain_s)
        self._files: dict[tuple[Path, str], File] = {}
        self._pins: Mapping[str, str] = {}
        self._watched_pins = Watched(self._folders, pins.read)
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None
        self._started = False

    @property
    def crews(self) -> Sequence[Crew]:
        """Those that serve, in the order of their offers."""
        return self._roll.crews

    @property
    def serves(self) -> bool:
        """Whether there are workers, once all that lay there has been looked at."""
        return self._started and any(crew.serves for crew in self.crews)

    def plugins(self) -> Iterable[executor_pb2.Plugin]:
        """All of them, refused ones included."""
        return [each for file in self._files.values() for each in file.told(self._pins)]

    async def start(self) -> None:
        """Return when all that lies there is served or refused."""
        for folder in self._folders:
            for stem, objects in self._store.recorded(folder).items():
                self._files[folder, stem] = File(folder, stem, recorded=tuple(objects))
        await self._look_again()
        while self._tasks:
            await asyncio.wait(self._tasks)
        self._started = True
        self.on_change()
        self._watching = asyncio.create_task(self._watch(), name="watch plugins")

    async def stop(self) -> None:
        """End all workers."""
        for task in (self._watching, *self._tasks):
            if task is not None:
                task.cancel()
        await self._roll.stop()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            await self._look_again()

    async def _look_again(self) -> None:
        """Begin what the folders ask for."""
        found, repinned = await asyncio.to_thread(self._look)
        now = time.monotonic()
        for (folder, stem), seen in found.items():
            file = self._files.setdefault((folder, stem), File(folder, stem))
            if seen != file.seen:
                file.changed, file.seen = True, seen
                file.anew()
        for key, file in self._files.items():
            if key not in found and file.seen is not None:
                file.changed, file.seen = True, None
            file.changed |= now >= file.again_at
            if file.changed and not file.loading:
                file.loading = True
                self._begin(self._follow(file))
        if repinned is not None:
            self._pins = repinned
            logs.event("plugins pinned", pins=",".join(f"{n}@{v}" for n, v in repinned.items()))
            self._begin(self._arrange())

    def _look(self) -> tuple[dict[tuple[Path, str], Seen], Mapping[str, str] | None]:
        found = {(at, stem): seen for at in self._folders for stem, seen in look(at).items()}
        return found, self._watched_pins.changed()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, file: File) -> None:
        """Look at a file until it stays as it is."""
        try:
            while file.changed:
                file.changed, file.again_at = False, math.inf
                await self._take(file)
        except Exception as error:  # this file's trouble is to be no other's
            logs.event("plugin trouble", level=logging.ERROR, file=file.name, error=repr(error))
            file.refuse(f"the executor cannot load it now: {error!r}; it is tried again")
            file.again(time.monotonic())
        finally:
            file.loading = False

    async def _take(self, file: File) -> None:
        """Serve what lies there now, refuse it, or withdraw what lay there."""
        if file.seen is None:
            del self._files[file.folder, file.stem]
            for other in self._files.values():
                other.changed |= bool(other.refused)  # it may have stood in its way
            logs.event("plugin withdrawn", file=file.name)
            await self._settle(file)
            return
        await self._recall(file)
        sha256 = ""
        try:
            manifest = await asyncio.to_thread(Manifest.read, file.library.with_suffix(SUFFIX))
            sha256 = await asyncio.to_thread(self._store.take, file.library)
            if sha256 != manifest.sha256:
                raise BadManifest("it is not what its manifest says; one of them is still to come?")
            version = await self._admit(file, sha256)
            if (version.finding.name, version.finding.version) != (manifest.name, manifest.version):
                raise Refused("describe: another name or version than its manifest says")
            await self._enter(file, version)
        except (BadManifest, Refused, OSError) as error:
            passing = error.passing if isinstance(error, Refused) else isinstance(error, OSError)
            reason = _told(str(error), passing)
            if reason != file.refused:
                # Two files come one after the other: the first alone is not worth a warning.
                level = logging.INFO if isinstance(error, BadManifest) else logging.WARNING
                logs.event("plugin refused", level=level, file=file.name, why=reason)
            file.refuse(reason, sha256)
            if passing:
                file.again(time.monotonic())
            self.on_change()

    async def _recall(self, file: File) -> None:
        """Take in what lay there in an earlier life of the executor, before what has come since."""
        recalled: list[Version] = []
        late: list[str] = []
        for sha256 in file.recorded:
            try:
                recalled.append(await self._admit(file, sha256))
            except Refused as refused:
                if refused.passing:  # then at the next look, if only after a restart
                    late.append(sha256)
        recalled, file.versions, file.recorded = [*recalled, *file.versions], [], late
        for version in recalled:
            file.add(version, self._most, self._pins)

    async def _admit(self, file: File, sha256: str) -> Version:
        """A version that may be served. Raises Refused."""
        for version in file.versions:
            if version.sha256 == sha256:
                return version
        return Version(sha256, await self._examiner.examine(sha256))

    async def _enter(self, file: File, version: Version) -> None:
        """Serve a version as its file's newest. Raises Refused."""
        try:
            await self._roll.muster(version)
            async with self._turn:
                self._check(file, version)
                file.add(version, self._most, self._pins)
                file.refuse("")
                if file.recorded:  # late, and still to come
                    file.again(time.monotonic())
                else:
                    file.anew()
                await self._serve()
        except NoWorkers as error:
            raise Refused(error.reason, passing=error.passing) from None
        except Refused:
            if version not in file.versions:
                self._roll.dismiss(version)
            raise
        finding = version.finding
        logs.event("plugin served", file=file.name, plugin=f"{finding.name}@{finding.version}")
        await self._settle(file)

    def _check(self, file: File, version: Version) -> None:
        name = version.finding.name
        for other in self._files.values():
            if other is file:
                continue
            if any(each.finding.name == name for each in other.versions):
                raise Refused(
                    f"the plugin {name} is there already, as {other.library}: "
                    f"{file.library} must have another name, or go"
                )
            if both := set(other.offers()).intersection(version.finding.algorithms):
                raise Refused(f"it offers {min(both)}, which {other.name} offers")

    async def _arrange(self) -> None:
        """Serve what is to be served now that pins or files have changed."""
        async with self._turn:
            await self._serve()

    async def _serve(self) -> None:
        while True:
            try:
                return await self._roll.serve(arranged(list(self._files.values()), self._pins))
            except NoWorkers as error:
                self._drop(error)

    def _drop(self, error: NoWorkers) -> None:
        for file in self._files.values():
            if error.version in file.versions:
                if error.passing and error.version is not file.versions[-1]:
                    file.recorded = [*file.recorded, error.version.sha256]
                file.versions.remove(error.version)
                logs.event("plugin lost", level=logging.ERROR, file=file.name, why=error.reason)
                file.refuse(_told(error.reason, error.passing), error.version.sha256)
                if error.passing:
                    file.again(time.monotonic())

    async def _settle(self, file: File) -> None:
        """Serve what is left, and keep a record of what there is."""
        await self._arrange()
        versions = {
            each.stem: [*each.recorded, *(version.sha256 for version in each.versions)]
            for each in self._files.values()
            if each.folder == file.folder
        }
        await asyncio.to_thread(self._store.record, file.folder, versions)


def _told(reason: str, passing: bool) -> str:
    return f"{reason}; it is tried again" if passing else reason

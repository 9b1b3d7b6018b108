"""The executor's workers, and the models in Python that lie in the models' folder.

Rules: a model is a program like a registered one, and nothing of it runs outside a sandbox. The
folder is looked at a few times a second; an entry that has changed is set up beside the one that
serves, and takes its place when it can. An executor's own algorithms stay what they are, whatever
a model is called.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgemesh.compute.v1 import algorithm_pb2
from edgemesh.executor.v1 import executor_pb2

from edgemesh_executor_pywasm.ground import PythonGround
from edgemesh_executor_pywasm.models import source
from edgemesh_executor_pywasm.models.source import Seen, Source, Unusable
from mesh_service import logs
from mesh_service.errors import InvalidRequest, MeshError
from mesh_service.executor.crew import Crew, OneCrew, Staff
from mesh_service.executor.validate import Catalog, Offer

LOOK_S = 0.2
STILL_S = 0.4
"""How long nothing has changed of one before it is read."""


@dataclass(eq=False)
class _Entry:
    seen: Seen
    since: float
    """When it was first seen as it is, on time.time()."""
    due: bool = True
    made: Source | None = None
    """What serves."""
    digest: str = ""
    refused: str = ""
    """Why what lies there now does not."""

    def still(self, now: float) -> bool:
        """Whether it is to be read now."""
        newest = max(changed for *_, changed in self.seen) / 1e9
        return self.due and now - min(self.since, newest) >= STILL_S


class PythonModels(Staff):
    """See `mesh_service.executor.crew.Staff`."""

    def __init__(self, crew: OneCrew, ground: PythonGround, folder: Path) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self._crew, self._ground, self._folder = crew, ground, folder
        crew.on_change = lambda: self.on_change()
        self._entries: dict[str, _Entry] = {}
        self._watching: asyncio.Task[None] | None = None

    @property
    def crews(self) -> Sequence[Crew]:
        """The one."""
        return self._crew.crews

    @property
    def catalog(self) -> Catalog:
        """The models, and the executor's own, which come last and so count."""
        own = self._crew.catalog
        offers: list[Offer] = []
        for entry in self._in_order():
            with contextlib.suppress(MeshError):  # no worker has described itself yet
                offers.append(self._ground.offer(entry.digest, own))
        return Catalog.joined((Catalog.of(offers), own))

    @property
    def ground(self) -> PythonGround:
        """Programs and environments; models are programs too."""
        return self._ground

    def plugins(self) -> Iterable[executor_pb2.Plugin]:
        """All models, refused ones included."""
        told: list[executor_pb2.Plugin] = []
        for name, entry in self._entries.items():
            stem = name.partition("@")[0].removesuffix(".py")
            if entry.made is not None:
                told.append(
                    executor_pb2.Plugin(
                        name=stem,
                        version=entry.made.version,
                        file=name,
                        sha256=entry.made.sha256,
                        state=executor_pb2.PLUGIN_STATE_SERVING,
                        algorithms=[f"python.{entry.made.label}"],
                    )
                )
            if entry.refused:
                refused = executor_pb2.PLUGIN_STATE_REFUSED
                told.append(
                    executor_pb2.Plugin(name=stem, file=name, state=refused, detail=entry.refused)
                )
        return told

    async def start(self) -> None:
        """Return when a worker is ready, and what lies there serves or is refused."""
        await self._crew.start()
        await self._look_again()
        self._watching = asyncio.create_task(self._watch(), name="watch models")

    async def stop(self) -> None:
        """End the workers."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
        await self._crew.stop()

    def _in_order(self) -> list[_Entry]:
        """Those that serve, the default version of a name last."""
        made = [entry for entry in self._entries.values() if entry.made is not None]
        return sorted(made, key=lambda entry: entry.since)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            await self._look_again()

    async def _look_again(self) -> None:
        found = await asyncio.to_thread(source.look, self._folder)
        now = time.time()
        for name in self._entries.keys() - found.keys():
            self._withdraw(name)
        for name, seen in found.items():
            entry = self._entries.get(name)
            if entry is None:
                entry = self._entries[name] = _Entry(seen, now)
            elif seen != entry.seen:
                entry.seen, entry.since, entry.due = seen, now, True
            if entry.still(now):
                await self._take(name, entry)

    async def _take(self, name: str, entry: _Entry) -> None:
        """Set a model up; nothing is said of one that no worker can be had for yet."""
        try:
            made = await asyncio.to_thread(source.read, self._folder / name)
            for other, its in self._entries.items():
                if its is not entry and its.made is not None and its.made.label == made.label:
                    raise Unusable(f"{made.label} is there already, as {other}")
            digest = await self._ground.own(_program(made), made.files, self._crew.catalog)
        except InvalidRequest as error:
            self._refuse(name, entry, "; ".join(each.expected for each in error.violations))
            return
        except (Unusable, OSError) as error:
            self._refuse(name, entry, str(error))
            return
        except MeshError as error:
            logs.event("model waits", entry=name, why=str(error))
            return
        if entry.digest and entry.digest != digest:
            self._ground.disown(entry.digest)
        entry.made, entry.digest, entry.refused, entry.due = made, digest, "", False
        logs.event("model offered", model=made.label, entry=name)
        self.on_change()

    def _refuse(self, name: str, entry: _Entry, reason: str) -> None:
        entry.due, entry.refused = False, reason
        logs.event("model refused", level=logging.WARNING, entry=name, why=reason)
        self.on_change()

    def _withdraw(self, name: str) -> None:
        entry = self._entries.pop(name)
        for other in self._entries.values():
            other.due |= bool(other.refused)  # it may have stood in its way
        if entry.digest:
            self._ground.disown(entry.digest)
        logs.event("model withdrawn", entry=name)
        self.on_change()


def _program(made: Source) -> executor_pb2.Program:
    algorithm = algorithm_pb2.Algorithm(
        name=f"python.{made.name}",
        version=made.version,
        any_inputs=True,
        streams=True,
        idempotent=True,
    )
    return executor_pb2.Program(algorithm=algorithm, code=made.code, entry_point=source.ENTRY)

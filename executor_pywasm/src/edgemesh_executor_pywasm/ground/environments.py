"""Environments: requirements to a lock, the lock to wheels, the wheels to an image.

Rules: each step's result is kept by a digest, so that a step is done once; steps of one environment
that several ask for at once are done once too. What the image has is asked of a worker, once.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from edgemesh.compute.v1 import environment_pb2

from edgemesh_executor_pywasm.asked import ENVIRONMENT, FACTS
from edgemesh_executor_pywasm.ground import requirements
from edgemesh_executor_pywasm.ground.images import Images
from edgemesh_executor_pywasm.ground.making import Maker
from edgemesh_executor_pywasm.ground.outside import Outside, OutsideError
from edgemesh_executor_pywasm.ground.requirements import FIELD, Lock, Locked
from edgemesh_executor_pywasm.ground.wheels import BadWheel, bundle
from edgemesh_executor_pywasm.settings import PyWasmSettings
from mesh_service import errors
from mesh_service.errors import InvalidRequest, Violation
from mesh_service.pool import WorkerPool

Event = environment_pb2.CreateEnvironmentResponse
RETRY_S = 5.0
_FAULTS = frozenset({"unsolvable", "too_large", "mismatch", "refused"})
"""What asking again would not change."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the image has."""

    packages: dict[str, str]
    """Distributions by their normalised names."""
    standard: set[str]
    modules: set[str]


class Environments:
    """The environments of an executor."""

    def __init__(self, settings: PyWasmSettings, images: Images, maker: Maker) -> None:
        self._settings, self._images, self._maker = settings, images, maker
        self._outside = Outside(settings)
        self._facts: Facts | None = None
        self._making: dict[str, asyncio.Task[None]] = {}

    async def create(
        self, dependencies: Sequence[str], lock: str, pool: WorkerPool, base: str
    ) -> AsyncIterator[Event]:
        """Make one, of requirements or of a lock; see `Ground.environment`."""
        yield _progress("resolve")
        facts = await self._known(pool)
        from_image: dict[str, str] = {}
        if lock:
            found = requirements.parse(lock)
        else:
            wanted = requirements.check(dependencies, self._settings.packages)
            found, from_image = await self._resolved(wanted, facts)
        yield _progress("resolve", found.text)
        key = image_key(found.id, base)
        if not await self._images.load(key):
            yield _progress("fetch", ", ".join(f"{w.name} {w.version}" for w in found.wheels))
            wheels = await self._fetched(found)
            yield _progress("import")
            await self._once(key, lambda: self._make(key, wheels, facts, pool))
        place = self._images.take(key)
        size = 0 if place is None else place.length
        if place is not None:
            place.region.leave()
        yield Event(
            environment=environment_pb2.Environment(
                id=found.id,
                dependencies=dependencies,
                packages=[
                    environment_pb2.Package(name=w.name, version=w.version) for w in found.wheels
                ],
                from_image=[
                    environment_pb2.Package(name=name, version=version)
                    for name, version in sorted(from_image.items())
                ],
                lock=found.text,
                bytes=size,
            )
        )

    async def ready(self, lock: str, pool: WorkerPool, base: str) -> str:
        """The key of a lock's image, which is in memory then. Raises as `create` does."""
        found = requirements.parse(lock)
        key = image_key(found.id, base)
        if not await self._images.load(key):
            async for _ in self.create((), lock, pool, base):
                pass
        return key

    async def close(self) -> None:
        """End the fetcher."""
        await self._outside.close()

    async def _known(self, pool: WorkerPool) -> Facts:
        if self._facts is None:
            made = await self._maker.make(pool, FACTS, {}, field="request")
            self._facts = Facts(
                {
                    requirements.canonicalize_name(name): str(version)
                    for name, version in made.result["packages"].items()
                },
                set(made.result["standard"]),
                set(made.result["modules"]),
            )
        return self._facts

    async def _resolved(self, wanted: Sequence[str], facts: Facts) -> tuple[Lock, dict[str, str]]:
        try:
            pylock = await self._outside.resolve(wanted, facts.packages)
        except OutsideError as error:
            raise self._failed(error) from None
        return requirements.locked(pylock, facts.packages, self._settings.packages)

    async def _fetched(self, lock: Lock) -> dict[str, bytes]:
        """The wheels of a lock by their names."""
        wheels = lock.wheels
        try:
            found = [await self._outside.find(wheel.sha256) for wheel in wheels]
            if not all(wheel.url for wheel in wheels) and None in found:
                wheels = await self._located(lock)
            fetched = await asyncio.gather(
                *(
                    self._outside.fetch(wheel.url, wheel.sha256, wheel.nbytes)
                    for wheel, data in zip(wheels, found, strict=True)
                    if data is None
                )
            )
        except OutsideError as error:
            raise self._failed(error) from None
        rest = iter(fetched)
        return {
            wheel.name: next(rest) if data is None else data
            for wheel, data in zip(wheels, found, strict=True)
        }

    async def _located(self, lock: Lock) -> tuple[Locked, ...]:
        """Where the wheels of a lock lie; it names no addresses. Raises OutsideError."""
        pins = [f"{wheel.name}=={wheel.version}" for wheel in lock.wheels]
        supplied = (await self._supplied()).packages
        again, _ = requirements.locked(await self._outside.resolve(pins, supplied), supplied, None)
        if again.text != lock.text:
            raise OutsideError("mismatch", "the index has other wheels than the lock")
        return again.wheels

    async def _supplied(self) -> Facts:
        assert self._facts is not None
        return self._facts

    async def _make(
        self, key: str, wheels: dict[str, bytes], facts: Facts, pool: WorkerPool
    ) -> None:
        try:
            one = await asyncio.to_thread(bundle, wheels, facts.standard, facts.modules)
        except BadWheel as error:
            raise InvalidRequest([Violation(FIELD, str(error))]) from None
        made = await self._maker.make(
            pool,
            ENVIRONMENT,
            {"names": one.names},
            field=FIELD,
            inputs={"wheels": one.archive},
            run_time_ms=self._settings.setup_run_time_ms,
        )
        await self._images.keep(key, made.outputs["image"])

    async def _once(self, key: str, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        task = self._making.get(key)
        if task is None:
            task = asyncio.ensure_future(make())
            self._making[key] = task
            task.add_done_callback(lambda _: self._making.pop(key, None))
        await asyncio.shield(task)

    def _failed(self, error: OutsideError) -> errors.MeshError:
        if error.kind in _FAULTS:
            return InvalidRequest([Violation(FIELD, error.message)])
        if error.kind == "offline":
            return InvalidRequest([Violation(FIELD, error.message)])
        return errors.NotStarted(f"{self._settings.service}'s fetcher ({error.message})", RETRY_S)


def image_key(lock_id: str, base: str) -> str:
    """Under what the image of a lock over an executor's image is kept."""
    return hashlib.sha256(f"environment:{base}:{lock_id}".encode()).hexdigest()


def _progress(stage: str, message: str = "") -> Event:
    return Event(progress=environment_pb2.EnvironmentProgress(stage=stage, message=message))

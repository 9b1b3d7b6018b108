"""What calls of the Python executor stand on.

Rules: joins programs, environments and images; a request that names neither costs one look for a
word in its parameters.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from edgemesh.compute.v1 import compute_pb2, environment_pb2
from edgemesh.executor.v1 import executor_pb2

from edgemesh_executor_pywasm.asked import FACTS
from edgemesh_executor_pywasm.describe import CALL, MAP, PROGRAM, RUN
from edgemesh_executor_pywasm.ground.environments import Environments, image_key
from edgemesh_executor_pywasm.ground.images import Images
from edgemesh_executor_pywasm.ground.making import Maker
from edgemesh_executor_pywasm.ground.programs import Programs, arguments
from edgemesh_executor_pywasm.map import referred
from edgemesh_executor_pywasm.settings import PyWasmSettings
from mesh_service import errors
from mesh_service.executor.ground import Standing
from mesh_service.executor.validate import Catalog, Offer, Valid
from mesh_service.pool import WorkerPool

_LATE_S = 0.005


class PythonGround:
    """See `mesh_service.executor.ground.Ground`."""

    namespaces: Sequence[str] = ("python",)

    def __init__(self, settings: PyWasmSettings) -> None:
        self._images = Images(
            settings.cache.absolute() / "programs",
            settings.image_memory_bytes,
            settings.image_disk_bytes,
        )
        self._maker = Maker(settings)
        self._environments = Environments(settings, self._images, self._maker)
        self._programs = Programs(settings, self._images, self._maker, self._environments)
        self._service = settings.service
        self._base = ""

    def offer(self, digest: str, catalog: Catalog) -> Offer:
        """A program as an algorithm. Raises UnknownProgram."""
        kept = self._programs.find(digest)
        kept.offer.pool = self._pool(catalog)
        may = catalog.find(CALL).algorithm.capabilities
        if kept.offer.algorithm.capabilities != may:  # what it may ask for is what any call may
            kept.offer.algorithm.ClearField("capabilities")
            kept.offer.algorithm.capabilities.extend(may)
        return kept.offer

    async def stand(self, valid: Valid, catalog: Catalog) -> Standing:
        """Find or make what a request stands on. Raises MeshError."""
        if valid.digest:
            return await self._on_program(valid, catalog)
        name = valid.algorithm.name
        if name not in (RUN, CALL, MAP) or '"environment"' not in valid.request.parameters:
            return Standing(valid, None)
        parameters: dict[str, Any] = json.loads(valid.request.parameters)
        if "environment" not in parameters:
            return Standing(valid, None)
        began = time.monotonic()
        wanted = str(parameters.pop("environment"))
        key = image_key(wanted, await self._known_base(catalog))
        if not await self._images.load(key):
            raise errors.UnknownEnvironment(wanted)
        valid.request.parameters = json.dumps({**parameters, "image": key})
        late = time.monotonic() - began > _LATE_S
        return Standing(valid, self._images.take(key), late, wanted)

    async def prepare(
        self, program: executor_pb2.Program, catalog: Catalog
    ) -> executor_pb2.PrepareProgramResponse:
        """Check, complete and keep a program. Raises InvalidRequest, NotStarted, …"""
        base = await self._known_base(catalog)
        return await self._programs.prepare(program, self._pool(catalog), base)

    async def own(
        self, program: executor_pb2.Program, files: Mapping[str, bytes], catalog: Catalog
    ) -> str:
        """Set up a program of the operator's, with files below /inputs; its digest.

        It is kept until it is disowned. Raises InvalidRequest, NotStarted, …
        """
        base = await self._known_base(catalog)
        return await self._programs.own(program, files, self._pool(catalog), base)

    def disown(self, digest: str) -> None:
        """Let go of one; calls that stand on it end."""
        self._programs.disown(digest)

    def put(self, raw: bytes) -> str:
        """Keep a serialised program; its digest. Raises InvalidRequest."""
        return self._programs.put(raw).digest

    async def environment(
        self, dependencies: Sequence[str], lock: str, catalog: Catalog
    ) -> AsyncIterator[environment_pb2.CreateEnvironmentResponse]:
        """Make an environment, and tell how far it is. Raises InvalidRequest, NotStarted, …"""
        base = await self._known_base(catalog)
        async for event in self._environments.create(dependencies, lock, self._pool(catalog), base):
            yield event

    async def close(self) -> None:
        """End the fetcher; let go of the images."""
        await self._environments.close()
        self._images.close()

    async def _on_program(self, valid: Valid, catalog: Catalog) -> Standing:
        program = self._programs.find(valid.digest).program
        began = time.monotonic()
        base = self._base or await self._known_base(catalog)
        key = await self._programs.image(program, self._pool(catalog), base)
        late = time.monotonic() - began > _LATE_S
        request = valid.request
        parameters: dict[str, Any] = json.loads(request.parameters or "{}")
        tagged = set(referred(parameters)) if '"$type"' in request.parameters else set[str]()
        inputs = {name: int(tensor.dtype) for name, tensor in request.inputs.items()}
        if inputs:
            parameters = arguments(parameters, inputs, tagged)
        inner = compute_pb2.ComputeRequest()
        inner.CopyFrom(request)
        inner.parameters = json.dumps(
            {"image": key, "function": program.entry_point, "kwargs": parameters}
        )
        # The caller is told what it asked for; the worker reads from the parameters what it is.
        return Standing(replace(valid, request=inner), self._images.take(key), late)

    async def _known_base(self, catalog: Catalog) -> str:
        """The digest of the workers' image, over which all others lie."""
        if not self._base:
            made = await self._maker.make(self._pool(catalog), FACTS, {}, field="request")
            self._base = str(made.result["image"])
        return self._base

    def _pool(self, catalog: Catalog) -> WorkerPool:
        offer = catalog.offers.get(RUN)
        if offer is None or offer.pool is None:
            raise errors.NotStarted(self._service, 1.0)
        return offer.pool


assert PROGRAM  # the name under which a worker knows what `_on_program` makes

"""ModelService: callers list models, load and unload them.

Rules: convert and delegate; which models there are and what fits is decided elsewhere.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable

from edgemesh.compute.v1 import model_pb2

from edgemesh_executor_ml.memory import Memory, NotLoaded
from edgemesh_executor_ml.versions import Offering, Version
from mesh_service import errors
from mesh_service.errors import Violation
from mesh_service.messages import parse
from mesh_service.stack import Handler, Rpc

SERVICE: str = model_pb2.DESCRIPTOR.services_by_name["ModelService"].full_name


class ModelMethods:
    """The servicer of ModelService."""

    def __init__(
        self,
        offering: Callable[[], Offering],
        memory: Memory,
        authenticate: Callable[[Rpc], None],
    ) -> None:
        self._offering, self._memory, self._authenticate = offering, memory, authenticate

    def methods(self) -> dict[str, tuple[str, Handler]]:
        """What a server is given."""
        return {
            "ListModels": ("unary", self._list),
            "GetModel": ("unary", self._get),
            "LoadModel": ("unary", self._load),
            "UnloadModel": ("unary", self._unload),
        }

    async def _list(self, raw: bytes, rpc: Rpc) -> bytes:
        self._authenticate(rpc)
        parse(model_pb2.ListModelsRequest, raw)
        models = sorted(self._offering().versions(), key=lambda each: each.manifest.name)
        return model_pb2.ListModelsResponse(
            models=[self._told(each) for each in models],
            memory_bytes=self._memory.used,
            memory_limit_bytes=self._memory.limit,
        ).SerializeToString()

    async def _get(self, raw: bytes, rpc: Rpc) -> bytes:
        self._authenticate(rpc)
        version = self._find(parse(model_pb2.GetModelRequest, raw).name)
        return model_pb2.GetModelResponse(model=self._told(version)).SerializeToString()

    async def _load(self, raw: bytes, rpc: Rpc) -> bytes:
        self._authenticate(rpc)
        version = self._find(parse(model_pb2.LoadModelRequest, raw).name)
        try:
            await self._memory.load(version)
        except NotLoaded as error:
            raise error.told() from None
        return model_pb2.LoadModelResponse(model=self._told(version)).SerializeToString()

    async def _unload(self, raw: bytes, rpc: Rpc) -> bytes:
        self._authenticate(rpc)
        version = self._find(parse(model_pb2.UnloadModelRequest, raw).name)
        if self._memory.keeps(version):
            raise _invalid(f"a model that is not kept; {version.label} is")
        await self._memory.unload(version)
        return model_pb2.UnloadModelResponse(model=self._told(version)).SerializeToString()

    def _find(self, name: str) -> Version:
        version = self._offering().named(name)
        if version is None:
            known = sorted({each.manifest.name for each in self._offering().versions()})
            near = difflib.get_close_matches(name[:256], known, 3) or known[:8]
            raise _invalid(f"a model that there is, e.g. {', '.join(near) or 'none now'}")
        return version

    def _told(self, version: Version) -> model_pb2.Model:
        offering, manifest = self._offering(), version.manifest
        crew = self._memory.crew(version)
        return model_pb2.Model(
            name=manifest.name,
            version=manifest.version,
            task=manifest.task,
            family=manifest.family,
            licence=manifest.licence,
            description=manifest.description,
            sha256=version.sha256,
            file_bytes=sum(file.bytes for file in manifest.files),
            memory_bytes=self._memory.needs(version),
            loaded=crew is not None,
            stable=offering.named(manifest.name) is version,
            canary_share=offering.share(version),
            kept=self._memory.keeps(version),
            algorithms=version.names,
        )


def _invalid(expected: str) -> errors.InvalidRequest:
    return errors.InvalidRequest([Violation("name", expected)])

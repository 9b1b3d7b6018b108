"""GRPCInferenceService: the protocol's methods over the gateway's own handlers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import grpc
from edgemesh.compute.v1 import algorithm_pb2
from edgemesh.inference import open_inference_grpc_pb2 as pb

from edgemesh_gateway.inference import requests, responses
from mesh_service import errors
from mesh_service.errors import MeshError
from mesh_service.messages import parse
from mesh_service.stack import Handler, Rpc

SERVICE: str = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
EXTENSIONS = ("binary_tensor_data", "model_repository")
READY = "READY"


class Inference:
    """The servicer."""

    def __init__(
        self,
        compute: Handler,
        listed: Handler,
        found: Handler,
        ready: Callable[[], bool],
        version: str,
    ) -> None:
        """`compute`, `listed` and `found`: ComputeService/Compute, AlgorithmService/ListAlgorithms
        and …/GetAlgorithm.
        """
        self._compute, self._listed, self._found = compute, listed, found
        self._ready, self._version = ready, version

    def methods(self) -> dict[str, tuple[str, Handler]]:
        """What a server is given."""
        return {
            "ServerLive": ("unary", self.server_live),
            "ServerReady": ("unary", self.server_ready),
            "ServerMetadata": ("unary", self.server_metadata),
            "ModelReady": ("unary", self.model_ready),
            "ModelMetadata": ("unary", self.model_metadata),
            "ModelInfer": ("unary", self.model_infer),
            "ModelStreamInfer": ("duplex", self.model_stream_infer),
            "RepositoryIndex": ("unary", self.repository_index),
            "RepositoryModelLoad": ("unary", self.not_offered),
            "RepositoryModelUnload": ("unary", self.not_offered),
        }

    async def server_live(self, raw: bytes, rpc: Rpc) -> bytes:
        """ServerLive."""
        return pb.ServerLiveResponse(live=True).SerializeToString()

    async def server_ready(self, raw: bytes, rpc: Rpc) -> bytes:
        """ServerReady."""
        return pb.ServerReadyResponse(ready=self._ready()).SerializeToString()

    async def server_metadata(self, raw: bytes, rpc: Rpc) -> bytes:
        """ServerMetadata."""
        return pb.ServerMetadataResponse(
            name="edgemesh", version=self._version, extensions=EXTENSIONS
        ).SerializeToString()

    async def model_ready(self, raw: bytes, rpc: Rpc) -> bytes:
        """ModelReady."""
        request = parse(pb.ModelReadyRequest, raw)
        ready = any(
            each.algorithm.name == request.name and request.version in ("", each.algorithm.version)
            for each in await self._offered(rpc)
        )
        return pb.ModelReadyResponse(ready=ready).SerializeToString()

    async def model_metadata(self, raw: bytes, rpc: Rpc) -> bytes:
        """ModelMetadata."""
        request = parse(pb.ModelMetadataRequest, raw)
        found = await self._one(request.name, request.version, rpc)
        return responses.metadata(found).SerializeToString()

    async def model_infer(self, raw: bytes, rpc: Rpc) -> bytes:
        """ModelInfer."""
        request = parse(pb.ModelInferRequest, raw)
        return (await self._infer(request, rpc)).SerializeToString()

    async def model_stream_infer(self, messages: AsyncIterator[bytes], rpc: Rpc) -> None:
        """ModelStreamInfer."""
        async for raw in messages:
            request = parse(pb.ModelInferRequest, raw)
            answer = pb.ModelStreamInferResponse()
            try:
                answer.infer_response.CopyFrom(await self._infer(request, rpc))
            except MeshError as error:
                answer.error_message = str(error)
                answer.infer_response.id = request.id
            except grpc.aio.AioRpcError as error:
                answer.error_message = error.details() or error.code().name
                answer.infer_response.id = request.id
            await rpc.write(answer.SerializeToString())

    async def repository_index(self, raw: bytes, rpc: Rpc) -> bytes:
        """RepositoryIndex."""
        made = pb.RepositoryIndexResponse()
        for each in await self._offered(rpc):
            made.models.add(name=each.algorithm.name, version=each.algorithm.version, state=READY)
        return made.SerializeToString()

    async def not_offered(self, raw: bytes, rpc: Rpc) -> bytes:
        """RepositoryModelLoad, RepositoryModelUnload."""
        raise errors.NotOffered("loading and unloading; a model is loaded when it is called")

    async def _infer(self, request: pb.ModelInferRequest, rpc: Rpc) -> pb.ModelInferResponse:
        found = await self._one(request.model_name, request.model_version, rpc)
        asked = requests.compute(request, found.algorithm)
        return responses.infer(request, await self._compute(asked.SerializeToString(), rpc))

    async def _one(self, name: str, version: str, rpc: Rpc) -> algorithm_pb2.OfferedAlgorithm:
        request = algorithm_pb2.GetAlgorithmRequest(name=requests.model_of(name, version))
        raw: bytes = await self._found(request.SerializeToString(), rpc)
        return algorithm_pb2.GetAlgorithmResponse.FromString(raw).algorithm

    async def _offered(self, rpc: Rpc) -> list[algorithm_pb2.OfferedAlgorithm]:
        raw: bytes = await self._listed(b"", rpc)
        return list(algorithm_pb2.ListAlgorithmsResponse.FromString(raw).algorithms)

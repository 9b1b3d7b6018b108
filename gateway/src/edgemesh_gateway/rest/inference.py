"""`/v2`: the Open Inference Protocol by HTTP, in front of the service that gRPC's clients call.

Rules: a body becomes a ModelInferRequest, an answer is a ModelInferResponse in other clothes. With
the header `Inference-Header-Content-Length` the JSON is that long and tensors follow it, one after
the other, each as long as its `binary_data_size` says. Errors are `{"error": …}`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from edgemesh.inference import open_inference_grpc_pb2 as pb
from fastapi import APIRouter
from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response

from edgemesh_gateway.inference.service import SERVICE
from edgemesh_gateway.rest import answers, asking, oip, presence
from edgemesh_gateway.rest.desk import Desk
from edgemesh_gateway.rest.problem import Fault, Problem

_LENGTH = "inference-header-content-length"
_ONE = "/v2/models/{model}"
_VERSIONED = _ONE + "/versions/{version}"


def routes(desk: Desk) -> APIRouter:
    """All of them."""
    router = APIRouter(include_in_schema=False)

    async def ask(request: Request, method: str, message: Message, kind: Any) -> Any:
        work = desk.core.call(SERVICE, method, message, kind, asking.caller(request))
        return await presence.while_there(request, work)

    @router.get("/v2/health/live")
    async def live() -> Response:
        return Response()

    @router.get("/v2/health/ready")
    async def ready() -> Response:
        return Response(status_code=200 if desk.ready() else 503)

    @router.get("/v2")
    async def server(request: Request) -> Response:
        found = await ask(
            request, "ServerMetadata", pb.ServerMetadataRequest(), pb.ServerMetadataResponse
        )
        told = {"name": found.name, "version": found.version}
        return answers.told({**told, "extensions": list(found.extensions)})

    @router.get(_ONE)
    @router.get(_VERSIONED)
    async def metadata(request: Request, model: str, version: str = "") -> Response:
        asked = asking.build(pb.ModelMetadataRequest, name=model, version=version)
        found = await ask(request, "ModelMetadata", asked, pb.ModelMetadataResponse)
        return answers.told(
            {
                "name": found.name,
                "versions": list(found.versions),
                "platform": found.platform,
                "inputs": [_spec(each) for each in found.inputs],
                "outputs": [_spec(each) for each in found.outputs],
            }
        )

    @router.get(_ONE + "/ready")
    @router.get(_VERSIONED + "/ready")
    async def model_ready(request: Request, model: str, version: str = "") -> Response:
        asked = asking.build(pb.ModelReadyRequest, name=model, version=version)
        found = await ask(request, "ModelReady", asked, pb.ModelReadyResponse)
        return Response(status_code=200 if found.ready else 400)

    @router.post(_ONE + "/infer")
    @router.post(_VERSIONED + "/infer")
    async def infer(request: Request, model: str, version: str = "") -> Response:
        fields, rest = await _read(desk, request)
        asked = await asyncio.to_thread(oip.request, model, version, fields, rest)
        found = await ask(request, "ModelInfer", asked.message, pb.ModelInferResponse)
        head, tail = await asyncio.to_thread(oip.response, found, asked)
        if not tail:
            return Response(head, media_type=asking.JSON)
        headers = {"Inference-Header-Content-Length": str(len(head))}
        return Response(b"".join([head, *tail]), 200, headers, "application/octet-stream")

    @router.post("/v2/repository/index")
    async def index(request: Request) -> Response:
        found = await ask(
            request, "RepositoryIndex", pb.RepositoryIndexRequest(), pb.RepositoryIndexResponse
        )
        listed = [{"name": m.name, "version": m.version, "state": m.state} for m in found.models]
        return answers.told(listed)

    @router.post("/v2/repository/models/{model}/load")
    async def load(request: Request, model: str) -> Response:
        asked = asking.build(pb.RepositoryModelLoadRequest, model_name=model)
        await ask(request, "RepositoryModelLoad", asked, pb.RepositoryModelLoadResponse)
        return answers.told({})

    @router.post("/v2/repository/models/{model}/unload")
    async def unload(request: Request, model: str) -> Response:
        asked = asking.build(pb.RepositoryModelUnloadRequest, model_name=model)
        await ask(request, "RepositoryModelUnload", asked, pb.RepositoryModelUnloadResponse)
        return answers.told({})

    return router


def refused(found: Problem) -> Response:
    """What was wrong, as the protocol tells it."""
    body = {"error": found.detail}
    return Response(answers.dumps(body), found.status, found.all_headers(), asking.JSON)


async def _read(desk: Desk, request: Request) -> tuple[dict[str, Any], bytes]:
    """The JSON and what follows it. Raises Fault, InvalidRequest."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Fault(415, "UNSUPPORTED_MEDIA_TYPE", "bodies are taken uncompressed")
    said = request.headers.get(_LENGTH)
    raw = await desk.bodies.bytes(request, None if said else desk.most_json)
    if said is None:
        return desk.bodies.parsed(raw), b""
    if not (said.isascii() and said.isdecimal()) or int(said[:12]) > len(raw):
        raise Fault(400, "INVALID_REQUEST", f"header {_LENGTH}: at most the body's length")
    length = int(said[:12])
    return desk.bodies.parsed(raw[:length]), raw[length:]


def _spec(spec: pb.ModelMetadataResponse.TensorMetadata) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape)}

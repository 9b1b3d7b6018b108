"""`POST /v1/embeddings`: `ml.embed` in OpenAI's words."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from edgemesh.compute.v1 import compute_pb2
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from edgemesh_gateway.rest import arrays
from edgemesh_gateway.rest.desk import Desk, takes
from edgemesh_gateway.rest.openai import errors, reading, texts
from edgemesh_gateway.rest.openai.bodies import EmbeddingBody

ALGORITHM = "ml.embed"
OUTPUT = "embeddings"


def routes(desk: Desk) -> APIRouter:
    """The one there is."""
    router = APIRouter(tags=["openai"])

    @router.post(
        "/v1/embeddings",
        summary="Vectors of texts",
        responses=errors.gives(),
        openapi_extra=takes(EmbeddingBody),
    )
    async def embed(request: Request) -> Response:
        read = await reading.read(desk, request, EmbeddingBody)
        await reading.offered(desk, request, ALGORITHM, read.model)
        given = [read.input] if isinstance(read.input, str) else read.input
        work = texts.ask(ALGORITHM, {"model": read.model, "texts": given})
        response = await texts.answered(desk, request, work)
        # Off the loop: of many texts there is much to convert.
        told = await asyncio.to_thread(_told, read, response)
        return texts.answer(request, told, response.outcome)

    return router


def _told(read: EmbeddingBody, response: compute_pb2.ComputeResponse) -> dict[str, Any]:
    result = texts.result_of(response)
    vectors = arrays.as_array(response.outputs[OUTPUT])
    if read.encoding_format == "base64":
        rows: list[Any] = [base64.b64encode(row.tobytes()).decode() for row in vectors]
    else:
        rows = vectors.tolist()
    return {
        "object": "list",
        "model": read.model,
        "data": [
            {"object": "embedding", "index": index, "embedding": row}
            for index, row in enumerate(rows)
        ],
        "usage": {"prompt_tokens": result["tokens"], "total_tokens": result["tokens"]},
    }

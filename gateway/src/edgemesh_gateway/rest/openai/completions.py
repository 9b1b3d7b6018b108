"""`POST /v1/completions`: `ml.generate` on a prompt in OpenAI's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgemesh.compute.v1 import compute_pb2
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from edgemesh_gateway.rest.desk import Desk, takes
from edgemesh_gateway.rest.openai import errors, reading, texts
from edgemesh_gateway.rest.openai.bodies import CompletionBody
from edgemesh_gateway.rest.openai.texts import Told
from mesh_service.errors import InvalidRequest, Violation

ALGORITHM = "ml.generate"
DEFAULT_TOKENS = 16
"""OpenAI's."""


def routes(desk: Desk) -> APIRouter:
    """The one there is."""
    router = APIRouter(tags=["openai"])

    @router.post(
        "/v1/completions",
        summary="How a text goes on",
        responses=errors.gives(streams=True),
        openapi_extra=takes(CompletionBody),
    )
    async def complete(request: Request) -> Response:
        read = await reading.read(desk, request, CompletionBody)
        await reading.offered(desk, request, ALGORITHM, read.model)
        work = texts.ask(ALGORITHM, _parameters(read))
        told = texts.told("cmpl", request, read)
        if read.stream:
            return await texts.streamed(desk, request, work, _Chunks(read, told))
        response = await texts.answered(desk, request, work)
        return texts.answer(request, _whole(told, response), response.outcome)

    return router


def _parameters(read: CompletionBody) -> dict[str, Any]:
    if read.stream and read.logprobs:
        raise InvalidRequest([Violation("logprobs", "0 where stream is true")])
    prompt = read.prompt
    if isinstance(prompt, list):
        if len(prompt) != 1:
            raise InvalidRequest([Violation("prompt", "a text, or a list of one")])
        (prompt,) = prompt
    most = DEFAULT_TOKENS if read.max_tokens is None else read.max_tokens
    return {**texts.parameters(read, most, read.logprobs), "prompt": prompt}


def _whole(told: Told, response: compute_pb2.ComputeResponse) -> dict[str, Any]:
    result = texts.result_of(response)
    listed = result.get("logprobs")
    choice = {
        "index": 0,
        "text": result["text"],
        "finish_reason": result["finish_reason"] or "length",
        "logprobs": None if listed is None else _listed(listed),
    }
    return {
        **told.head("text_completion"),
        "system_fingerprint": f"{result['model']}@{result['model_version']}",
        "choices": [choice],
        "usage": texts.usage(result),
    }


def _listed(tokens: Sequence[dict[str, Any]], offset: int = 0) -> dict[str, Any]:
    """Log-probabilities as completions tell them: lists side by side."""
    offsets: list[int] = []
    for each in tokens:
        offsets.append(offset)
        offset += len(each["token"])
    tops = [{t["token"]: t["logprob"] for t in each["top_logprobs"]} for each in tokens]
    return {
        "tokens": [each["token"] for each in tokens],
        "token_logprobs": [each["logprob"] for each in tokens],
        "top_logprobs": tops if any(tops) else None,
        "text_offset": offsets,
    }


class _Chunks:
    """Events as OpenAI's chunks."""

    def __init__(self, read: CompletionBody, told: Told) -> None:
        self._read, self._told = read, told
        self._length = 0

    def __call__(self, event: compute_pb2.ComputeEvent) -> bytes:
        """An event as chunks, or nothing. Raises Fault."""
        kind = event.WhichOneof("event")
        if kind == "token":
            return self._token(event.token)
        return self._end(event.response) if kind == "response" else b""

    def _token(self, token: compute_pb2.TokenEvent) -> bytes:
        logprobs = None
        if self._read.logprobs is not None:
            told: dict[str, Any] = {
                "token": token.text,
                "logprob": token.logprob,
                "top_logprobs": [],
            }
            logprobs = _listed([told], self._length)
        elif not token.text:
            return b""
        self._length += len(token.text)
        return self._chunk(token.text, logprobs=logprobs)

    def _end(self, response: compute_pb2.ComputeResponse) -> bytes:
        result = texts.result_of(response)
        said = self._chunk("", finish_reason=result["finish_reason"] or "length")
        if self._read.tells_usage:
            said += texts.event(texts.used(self._told.head("text_completion"), result))
        return said

    def _chunk(
        self, text: str, finish_reason: str | None = None, logprobs: dict[str, Any] | None = None
    ) -> bytes:
        choice = {"index": 0, "text": text, "finish_reason": finish_reason, "logprobs": logprobs}
        usage = {"usage": None} if self._read.tells_usage else {}
        return texts.event({**self._told.head("text_completion"), "choices": [choice], **usage})

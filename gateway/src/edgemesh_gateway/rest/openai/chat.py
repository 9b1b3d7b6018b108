"""`POST /v1/chat/completions`: `ml.chat` in OpenAI's words."""

from __future__ import annotations

from typing import Any

from edgemesh.compute.v1 import compute_pb2
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from edgemesh_gateway.rest.desk import Desk, takes
from edgemesh_gateway.rest.openai import errors, reading, texts
from edgemesh_gateway.rest.openai.bodies import ChatBody
from edgemesh_gateway.rest.openai.texts import Told
from mesh_service.errors import InvalidRequest, Violation

ALGORITHM = "ml.chat"
_CHUNK = "chat.completion.chunk"


def routes(desk: Desk) -> APIRouter:
    """The one there is."""
    router = APIRouter(tags=["openai"])

    @router.post(
        "/v1/chat/completions",
        summary="The next message of a conversation",
        responses=errors.gives(streams=True),
        openapi_extra=takes(ChatBody),
    )
    async def chat(request: Request) -> Response:
        read = await reading.read(desk, request, ChatBody)
        schema = await reading.offered(desk, request, ALGORITHM, read.model)
        work = texts.ask(ALGORITHM, _parameters(read, schema))
        told = texts.told("chatcmpl", request, read)
        if read.stream:
            return await texts.streamed(desk, request, work, _Chunks(read, told))
        response = await texts.answered(desk, request, work)
        return texts.answer(request, _whole(told, response), response.outcome)

    return router


def _parameters(read: ChatBody, schema: dict[str, Any]) -> dict[str, Any]:
    alternatives = read.top_logprobs
    if alternatives is not None and not read.logprobs:
        raise InvalidRequest([Violation("top_logprobs", "absent, unless logprobs is true")])
    if alternatives and read.stream:
        raise InvalidRequest([Violation("top_logprobs", "0 where stream is true")])
    if None not in (read.max_tokens, read.max_completion_tokens):
        raise InvalidRequest([Violation("max_tokens", "absent beside max_completion_tokens")])
    most = read.max_completion_tokens if read.max_tokens is None else read.max_tokens
    if most is None:
        # No limit, says OpenAI; here as many as the algorithm gives.
        most = schema.get("max_tokens", {}).get("maximum", 1024)
    made = texts.parameters(read, most, (alternatives or 0) if read.logprobs else None)
    made["messages"] = [
        # What OpenAI calls a developer's word is a system's to the templates of models.
        {"role": "system" if m.role == "developer" else m.role, "content": m.text}
        for m in read.messages
    ]
    if read.chat_template_kwargs is not None:
        made["chat_template_kwargs"] = read.chat_template_kwargs
    return made


def _whole(told: Told, response: compute_pb2.ComputeResponse) -> dict[str, Any]:
    result = texts.result_of(response)
    (choice,) = result["choices"]
    listed = choice["logprobs"]
    return {
        **told.head("chat.completion"),
        "system_fingerprint": f"{result['model']}@{result['model_version']}",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": choice["message"]["content"]},
                "finish_reason": choice["finish_reason"] or "length",
                "logprobs": None if listed is None else {"content": _listed(listed["content"])},
            }
        ],
        "usage": texts.usage(result["usage"]),
    }


def _listed(tokens: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [texts.logprob(each["token"], each["logprob"], each["top_logprobs"]) for each in tokens]


class _Chunks:
    """Events as OpenAI's chunks."""

    def __init__(self, read: ChatBody, told: Told) -> None:
        self._read, self._told = read, told
        self._begun = False

    def __call__(self, event: compute_pb2.ComputeEvent) -> bytes:
        """An event as chunks, or nothing. Raises Fault."""
        kind = event.WhichOneof("event")
        if kind == "token":
            return self._begin() + self._token(event.token)
        return self._end(event.response) if kind == "response" else b""

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return self._chunk({"role": "assistant", "content": ""})

    def _token(self, token: compute_pb2.TokenEvent) -> bytes:
        logprobs = None
        if self._read.logprobs:
            logprobs = {"content": [texts.logprob(token.text, token.logprob)]}
        elif not token.text:
            return b""
        return self._chunk({"content": token.text}, logprobs=logprobs)

    def _end(self, response: compute_pb2.ComputeResponse) -> bytes:
        result = texts.result_of(response)
        reason = result["choices"][0]["finish_reason"] or "length"
        said = self._begin() + self._chunk({}, finish_reason=reason)
        if self._read.tells_usage:
            said += texts.event(texts.used(self._told.head(_CHUNK), result["usage"]))
        return said

    def _chunk(
        self,
        delta: dict[str, Any],
        finish_reason: str | None = None,
        logprobs: dict[str, Any] | None = None,
    ) -> bytes:
        choice = {
            "index": 0,
            "delta": delta,
            "finish_reason": finish_reason,
            "logprobs": logprobs,
        }
        usage = {"usage": None} if self._read.tells_usage else {}
        return texts.event({**self._told.head(_CHUNK), "choices": [choice], **usage})

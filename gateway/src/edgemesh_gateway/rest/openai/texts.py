"""What chat and completions have in common: parameters, what came of work, streams.

Rules: a run time that ended with some text is told as OpenAI tells a text that was cut (`length`);
every other end that is not good is an error, in a stream its last event.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgemesh.compute.v1 import compute_pb2
from starlette.requests import Request
from starlette.responses import Response

from edgemesh_gateway import passing
from edgemesh_gateway.rest import answers, asking, problem
from edgemesh_gateway.rest.asking import Ask
from edgemesh_gateway.rest.computing import Render
from edgemesh_gateway.rest.desk import Desk
from edgemesh_gateway.rest.models import Options
from edgemesh_gateway.rest.openai import errors
from edgemesh_gateway.rest.openai.bodies import Sampling
from edgemesh_gateway.rest.problem import Fault
from mesh_service.errors import InvalidRequest, Violation

DONE = b"data: [DONE]\n\n"
_PASSED_ON = (
    "top_p",
    "top_k",
    "min_p",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "seed",
    "truncate_prompt_tokens",
)
_STATUS = {
    compute_pb2.OUTCOME_TIMEOUT: 504,
    compute_pb2.OUTCOME_CANCELLED: problem.CLIENT_LEFT,
}


@dataclass(frozen=True)
class Told:
    """What every object of one answer begins with."""

    id: str
    model: str
    created: int

    def head(self, kind: str) -> dict[str, Any]:
        """Of an object of this kind."""
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def told(prefix: str, request: Request, read: Sampling) -> Told:
    """For the answer to a request."""
    return Told(f"{prefix}-{asking.request_id(request)}", read.model, int(time.time()))


def parameters(read: Sampling, max_tokens: int, alternatives: int | None) -> dict[str, Any]:
    """An algorithm's; `alternatives`: how many of the likeliest tokens are told, None: none are
    told at all. Raises InvalidRequest.
    """
    if read.stream_options is not None and not read.stream:
        raise InvalidRequest([Violation("stream_options", "absent, unless stream is true")])
    made: dict[str, Any] = {
        "model": read.model,
        "max_tokens": max_tokens,
        "temperature": 1.0 if read.temperature is None else read.temperature,
    }
    made |= {name: value for name in _PASSED_ON if (value := getattr(read, name)) is not None}
    if read.stop:
        made["stop"] = [read.stop] if isinstance(read.stop, str) else read.stop
    if alternatives is not None:
        made |= {"logprobs": True, "top_logprobs": alternatives}
    return made


def ask(algorithm: str, made: Mapping[str, Any]) -> Ask:
    """The work. Raises InvalidRequest."""
    return asking.ask(algorithm, Options(), made, {})


def result_of(response: compute_pb2.ComputeResponse) -> dict[str, Any]:
    """What came of work. Raises Fault."""
    result: dict[str, Any] = json.loads(response.result) if response.result else {}
    if response.outcome == compute_pb2.OUTCOME_OK:
        return result
    if response.outcome == compute_pb2.OUTCOME_TIMEOUT and result:
        return result
    outcome = compute_pb2.Outcome.Name(response.outcome).removeprefix("OUTCOME_")
    failure = response.failure
    detail = ": ".join(text for text in (failure.type, failure.message) if text)
    again = {} if outcome == "CRASH" else {"X_Should_Retry": "false"}
    raise Fault(_STATUS.get(response.outcome, 500), outcome, detail or outcome, **again)


def usage(result: Mapping[str, Any]) -> dict[str, Any]:
    """What was used, from a result that counts."""
    prompt, completion = result["prompt_tokens"], result["completion_tokens"]
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": result["cached_tokens"]},
    }


def used(head: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """The chunk that tells usage."""
    return {**head, "choices": [], "usage": usage(result)}


def logprob(text: str, value: float, others: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """One token's log-probability, as chat tells it."""
    return {
        "token": text,
        # What is half a character has come as U+FFFD: its bytes are not known here.
        "bytes": None if "\ufffd" in text else list(text.encode()),
        "logprob": value,
        "top_logprobs": [logprob(each["token"], each["logprob"]) for each in others],
    }


async def answered(desk: Desk, request: Request, work: Ask) -> compute_pb2.ComputeResponse:
    """What came of work. Raises MeshError, AioRpcError."""
    return passing.read(
        compute_pb2.ComputeResponse,
        await desk.computing.once(request, work),
        "of the algorithm",
    )


async def streamed(desk: Desk, request: Request, work: Ask, render: Render) -> Response:
    """A stream as `render` writes it. Raises as `answered` does, and Fault, before it begins."""
    stream = await desk.computing.events(request, work, render)
    request_id = asking.request_id(request)
    stream.headers["X-Request-Id"] = request_id
    stream.closing = DONE
    stream.fault = lambda error: event(errors.body(problem.of(error, request_id)))
    return stream


def event(content: Mapping[str, Any]) -> bytes:
    """One event of a stream."""
    return b"data: " + answers.dumps(content) + b"\n\n"


def answer(request: Request, content: Mapping[str, Any], outcome: int) -> Response:
    """One answer."""
    name = compute_pb2.Outcome.Name(compute_pb2.Outcome.ValueType(outcome))
    return answers.told(
        content,
        X_Request_Id=asking.request_id(request),
        Edgemesh_Outcome=name.removeprefix("OUTCOME_"),
    )

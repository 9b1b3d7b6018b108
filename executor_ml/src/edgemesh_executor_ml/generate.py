"""`ml.generate`: a prompt or a conversation to text, streamed token by token.

Rules: calls of one model are computed together; a token is told as soon as it is there; the call
looks at its deadline and at its caller between tokens, and every few tens of milliseconds while it
waits for one; what was generated until then is kept in the reply.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2

from edgemesh_candle import (
    ChatError,
    ConstraintError,
    Generation,
    Generator,
    NumericError,
    ParameterError,
    PromptTooLong,
    Token,
)
from edgemesh_executor_ml import forms
from edgemesh_executor_ml.manifest import Manifest
from edgemesh_executor_ml.stopped import stopped
from mesh_service.executor import AlgorithmFailure, Call, InvalidInput, Reply

NAME = "ml.generate"
MOST_TOKENS = 2048
MOST_CHARACTERS = 1 << 18
DEFAULT_TOKENS = 64
DEFAULT_RUN_TIME_MS = 60_000
MOST_ALTERNATIVES = 20
_PATIENCE = 0.02
"""Seconds after which a call that waits looks at its deadline and at its caller."""
_SEED_BITS = 53
"""A seed survives JSON readers that know only doubles."""


def describe(models: Sequence[str]) -> algorithm_pb2.Algorithm:
    """The algorithm over these models, the default first."""
    message = {
        "type": "object",
        "required": ["role", "content"],
        "additionalProperties": False,
        "properties": {
            "role": {"type": "string", "enum": ["system", "user", "assistant"]},
            "content": {"type": "string", "maxLength": MOST_CHARACTERS},
        },
    }
    penalty = {"type": "number", "minimum": -2, "maximum": 2, "default": 0}
    parameters = {
        "type": "object",
        "additionalProperties": False,
        "description": "one of prompt and messages",
        "properties": {
            "prompt": {
                "type": "string",
                "minLength": 1,
                "maxLength": MOST_CHARACTERS,
                "description": "text to continue",
            },
            "messages": {
                "type": "array",
                "minItems": 1,
                "maxItems": 1024,
                "items": message,
                "description": "a conversation, rendered by the model's chat template",
            },
            "max_tokens": {
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_TOKENS,
                "default": DEFAULT_TOKENS,
            },
            "temperature": {
                "type": "number",
                "minimum": 0,
                "maximum": 100,
                "default": 0,
                "description": "0: always the likeliest token",
            },
            "top_p": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 1},
            "top_k": {"type": "integer", "minimum": 0, "maximum": 1 << 31, "default": 0},
            "min_p": {
                "type": "number",
                "minimum": 0,
                "maximum": 1,
                "default": 0,
                "description": "only tokens at least so probable beside the likeliest",
            },
            "repetition_penalty": {
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": 100,
                "default": 1,
                "description": "above 1: tokens of prompt and text become less likely",
            },
            "presence_penalty": penalty,
            "frequency_penalty": penalty,
            "seed": {
                "type": "integer",
                "minimum": 0,
                "maximum": (1 << _SEED_BITS) - 1,
                "description": "same seed, same text; default: a random one, told in the result",
            },
            "stop": {
                "type": "array",
                "maxItems": 16,
                "items": {"type": "string", "minLength": 1, "maxLength": 256},
                "description": "texts before which generation ends",
            },
            "logprobs": {
                "type": "boolean",
                "default": False,
                "description": "whether the result tells each token's log-probability",
            },
            "top_logprobs": {
                "type": "integer",
                "minimum": 0,
                "maximum": MOST_ALTERNATIVES,
                "default": 0,
                "description": "how many of the likeliest tokens it tells with each, if it does",
            },
            "prompt_logprobs": {
                "type": "integer",
                "minimum": 0,
                "maximum": MOST_ALTERNATIVES,
                "description": "tells the log-probability of each token of the prompt, which is "
                "read anew, and so many of the likeliest in its place; default: nothing",
            },
            "truncate_prompt_tokens": {
                "type": "integer",
                "minimum": 1,
                "maximum": 1 << 20,
                "description": "of a longer prompt only so many tokens of its end are read",
            },
            **forms.SCHEMA,
            "chat_template_kwargs": {
                "type": "object",
                "maxProperties": 64,
                "description": "what the model's chat template is told beside the messages",
            },
            "model": {"type": "string", "enum": list(models), "default": models[0]},
        },
    }
    integer, number = {"type": "integer"}, {"type": "number"}
    properties = {
        "text": {"type": "string"},
        "finish_reason": {"enum": ["stop", "length", None]},
        "model": {"type": "string"},
        "model_version": {"type": "string"},
        "seed": integer,
        "prompt_tokens": integer,
        "cached_tokens": integer
        | {"description": "tokens of the prompt that an earlier call had read"},
        "completion_tokens": integer,
        "time_to_first_token_ms": {"type": ["number", "null"]},
        "tokens_per_second": number | {"description": "after the first token"},
    }
    required = list(properties)
    properties["logprobs"] = {"type": "array", "description": "if asked for, of each token"}
    properties["prompt_logprobs"] = {
        "type": "array",
        "description": "if asked for, of each token of the prompt; null for the first",
    }
    return algorithm_pb2.Algorithm(
        name=NAME,
        version="1",
        description="Text generation by a language model; streams tokens of whole characters",
        parameters_schema=json.dumps(parameters),
        result_schema=json.dumps(
            {"type": "object", "required": required, "properties": properties}
        ),
        streams=True,
        idempotent=True,
        default_run_time_ms=DEFAULT_RUN_TIME_MS,
    )


def run(call: Call, manifest: Manifest, generator: Generator) -> Reply:
    """Generate for one call. Raises InvalidInput, AlgorithmFailure."""
    try:
        return _run(call, manifest, generator)
    except NumericError as error:
        raise AlgorithmFailure("NumericError", str(error)) from error
    except ConstraintError as error:
        raise AlgorithmFailure("ConstraintError", error.reason) from error


def _run(call: Call, manifest: Manifest, generator: Generator) -> Reply:
    parameters = call.parameters
    seed = int(parameters.get("seed", secrets.randbits(_SEED_BITS)))
    generation = _start(generator, parameters, seed)
    tells = generator if parameters.get("logprobs", False) else None
    of_prompt = generator if "prompt_logprobs" in parameters else None
    progress = _Progress(generation, manifest, seed, tells, of_prompt)
    reply = _follow(call, generation, progress)
    reply.input_tokens = generation.prompt_tokens
    reply.output_tokens = generation.completion_tokens
    return reply


def _follow(call: Call, generation: Generation, progress: _Progress) -> Reply:
    while True:
        while not generation.wait(_PATIENCE):
            if (reply := stopped(call, progress.result)) is not None:
                return reply
        token = generation.next()
        if token is None:
            return Reply(result=progress.result())
        progress.add(token)
        call.token(token.text, token.id, token.logprob)
        if generation.finish_reason is None:
            reply = stopped(call, progress.result)
            if reply is not None:
                return reply


def _start(generator: Generator, parameters: Mapping[str, Any], seed: int) -> Generation:
    prompt, messages = parameters.get("prompt"), parameters.get("messages")
    if (prompt is None) == (messages is None):
        expected = "required, or messages" if prompt is None else "absent where messages are given"
        raise InvalidInput({"parameters.prompt": expected})
    field = "parameters.prompt" if messages is None else "parameters.messages"
    truncate = parameters.get("truncate_prompt_tokens")
    told = parameters.get("prompt_logprobs")
    form = forms.read(parameters)
    try:
        if prompt is None:
            extras = json.dumps(parameters.get("chat_template_kwargs", {}))
            prompt = generator.chat([(m["role"], m["content"]) for m in messages or ()], extras)
        return generator.start(
            prompt,
            max_tokens=int(parameters.get("max_tokens", DEFAULT_TOKENS)),
            complete=messages is not None,
            temperature=float(parameters.get("temperature", 0)),
            top_k=int(parameters.get("top_k", 0)),
            top_p=float(parameters.get("top_p", 1)),
            min_p=float(parameters.get("min_p", 0)),
            repetition_penalty=float(parameters.get("repetition_penalty", 1)),
            presence_penalty=float(parameters.get("presence_penalty", 0)),
            frequency_penalty=float(parameters.get("frequency_penalty", 0)),
            seed=seed,
            stop=list(parameters.get("stop", ())),
            alternatives=int(parameters.get("top_logprobs", 0)),
            prompt_alternatives=None if told is None else int(told),
            truncate=None if truncate is None else int(truncate),
            schema=form.schema,
            regex=form.regex,
        )
    except ConstraintError as error:
        raise form.refused(error) from error
    except PromptTooLong as error:
        raise InvalidInput(
            {field: f"at most {error.limit - 1} tokens, not {error.tokens}"}
        ) from error
    except ChatError as error:
        raise InvalidInput({field: error.reason}) from error
    except ParameterError as error:
        name = field if error.name == "prompt" else f"parameters.{error.name}"
        raise InvalidInput({name: error.expected}) from error
    except UnicodeEncodeError as error:
        field = form.field if error.object == form.regex else field
        raise InvalidInput({field: "no unpaired surrogates"}) from error


class _Progress:
    """What a generation has come to."""

    def __init__(
        self,
        generation: Generation,
        model: Manifest,
        seed: int,
        tells: Generator | None,
        of_prompt: Generator | None,
    ) -> None:
        """`tells`: the model, where the result tells log-probabilities; `of_prompt`: where it
        tells those of the prompt."""
        self.generation = generation
        self._model, self._seed = model, seed
        self._texts: list[str] = []
        self._tells, self._of_prompt = tells, of_prompt
        self._logprobs: list[dict[str, Any]] = []
        self._began = time.perf_counter()
        self._first: float | None = None

    def add(self, token: Token) -> None:
        """Take a token."""
        if self._first is None:
            self._first = time.perf_counter()
        self._texts.append(token.text)
        if self._tells is not None:
            told = _told(self._tells, token.id, token.logprob, token.alternatives)
            self._logprobs.append(told)

    def result(self) -> dict[str, Any]:
        """The result as it stands."""
        count = self.generation.completion_tokens
        took = 0.0 if self._first is None else time.perf_counter() - self._first
        first = None if self._first is None else round((self._first - self._began) * 1e3, 3)
        result: dict[str, Any] = {
            "text": "".join(self._texts),
            "finish_reason": self.generation.finish_reason,
            "model": self._model.name,
            "model_version": self._model.version,
            "seed": self._seed,
            "prompt_tokens": self.generation.prompt_tokens,
            "cached_tokens": self.generation.cached_tokens,
            "completion_tokens": count,
            "time_to_first_token_ms": first,
            "tokens_per_second": round((count - 1) / took, 3) if count > 1 and took else 0.0,
        }
        if self._tells is not None:
            result["logprobs"] = self._logprobs
        if (model := self._of_prompt) is not None:
            told = [_told(model, *each) for each in self.generation.prompt_logprobs()]
            result["prompt_logprobs"] = [None, *told]
        return result


def _told(
    model: Generator, id: int, logprob: float, alternatives: Sequence[tuple[int, float]]
) -> dict[str, Any]:
    """A token's log-probability, and the likeliest in its place."""

    def one(id: int, value: float) -> dict[str, Any]:
        return {"token": model.token_text(id), "id": id, "logprob": value}

    return one(id, logprob) | {"top_logprobs": [one(*each) for each in alternatives]}

"""`ml.caption_image` and `ml.answer_image`: what a model writes of pictures.

Rules: pictures are read and looked at one after another, so that no call holds more than one.
Between layers and between tokens the call looks at its deadline and at its caller; the texts there
are until then are kept in the reply. Each picture's tokens are streamed, then on stdout a line of
JSON that says which picture it was.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2

from edgemesh_candle import (
    Blip,
    Interrupted,
    NumericError,
    ParameterError,
    Prepared,
    PromptTooLong,
)
from edgemesh_executor_ml import pictures
from edgemesh_executor_ml.manifest import Manifest, Unusable
from edgemesh_executor_ml.stopped import going, interrupted, stopped
from mesh_service.executor import AlgorithmFailure, Call, InvalidInput, Reply

MOST_CHARACTERS = 10_000
MOST_TOKENS = 512
MOST_BEAMS = 16
MAX_TOKENS = 20
"""As transformers' models have it that say nothing else."""
_RUN_TIME_MS = 120_000


@dataclass(frozen=True, slots=True)
class Task:
    """One of both: what it is told, and what it gives."""

    name: str
    parameter: str
    about: str
    required: bool
    key: str
    """What a picture's text is called in the result."""
    described: str


BY_TASK = {
    "caption_image": Task(
        "ml.caption_image",
        "prompt",
        "what the caption begins with",
        False,
        "text",
        "What is on pictures, as sentences",
    ),
    "answer_image": Task(
        "ml.answer_image",
        "question",
        "what is asked of each picture",
        True,
        "answer",
        "Answers to a question about pictures",
    ),
}


def open_blip(folder: Path, task: Task) -> Blip:
    """Open a model, and compute with it once. Raises CandleError, Unusable."""
    model = Blip(folder)
    if model.answers != task.required:
        raise Unusable(f"its weights are not those of a model for {task.name}")
    grey = pictures.grey(model.prepare)
    try:
        text = "warm-up" if task.required else None
        model.say(grey, lambda: True, _unheard, text=text, max_tokens=1)
    except NumericError as error:
        raise Unusable("its weights give scores of what are no numbers") from error
    return model


def _unheard(_id: int, _piece: str, _logprob: float | None) -> None:
    """Nobody waits for a warm-up's tokens."""


def describe(task: Task, models: Sequence[str]) -> algorithm_pb2.Algorithm:
    """The algorithm of a task over these models, the default first."""
    parameters = {
        "type": "object",
        "additionalProperties": False,
        "required": [task.parameter] if task.required else [],
        "properties": {
            "model": {"type": "string", "enum": list(models), "default": models[0]},
            task.parameter: {
                "type": "string",
                "minLength": 1,
                "maxLength": MOST_CHARACTERS,
                "description": task.about,
            },
            "max_tokens": {
                "type": "integer", "minimum": 1, "maximum": MOST_TOKENS, "default": MAX_TOKENS,
                "description": "tokens that are written, the end counted",
            },
            "num_beams": {
                "type": "integer", "minimum": 1, "maximum": MOST_BEAMS, "default": 1,
                "description": "texts that are followed at once; 1: the likeliest token each time",
            },
            "length_penalty": {
                "type": "number", "minimum": -10, "maximum": 10, "default": 1,
                "description": "of beams: which power of its length divides a text's score",
            },
            "early_stopping": {
                "type": "boolean", "default": False,
                "description": "whether a search ends as soon as as many texts have as beams",
            },
        },
    }  # fmt: skip
    image = {
        task.key: {"type": "string"},
        "tokens": {"type": "integer"},
        "finish_reason": {"enum": ["stop", "length"]},
    }
    return algorithm_pb2.Algorithm(
        name=task.name,
        version="1",
        description=f"{task.described}; streams each picture's tokens, then on stdout a line of"
        " JSON with its input and text",
        parameters_schema=json.dumps(parameters),
        result_schema=pictures.result(image),
        inputs=[pictures.spec(required=True)],
        any_inputs=True,
        streams=True,
        idempotent=True,
        default_run_time_ms=_RUN_TIME_MS,
    )


def run(call: Call, task: Task, manifest: Manifest, model: Blip) -> Reply:
    """Write of the pictures of one call. Raises InvalidInput, AlgorithmFailure."""
    told: list[dict[str, Any]] = []
    lines = ""

    def result() -> dict[str, Any]:
        return {"model": manifest.name, "model_version": manifest.version, "images": told}

    def ended(reply: Reply) -> Reply:
        reply.stdout = lines
        return reply

    given = pictures.of(call)
    for i, each in enumerate(given):
        if (reply := stopped(call, result)) is not None:
            return ended(reply)
        picture = pictures.read(each, model.prepare)
        try:
            text, tokens, whole = _said(call, task, model, picture)
        except Interrupted as error:
            return ended(interrupted(call, error, result))
        reason = "stop" if whole else "length"
        told.append(
            {"input": each.input, task.key: text, "tokens": tokens, "finish_reason": reason}
        )
        line = f"{json.dumps({'input': each.input, task.key: text})}\n"
        lines += line
        call.output("stdout", line)
        call.progress((i + 1) / len(given))
    return Reply(result=result(), stdout=lines)


def _said(call: Call, task: Task, model: Blip, picture: Prepared) -> tuple[str, int, bool]:
    chosen = call.parameters
    field = f"parameters.{task.parameter}"
    try:
        return model.say(
            picture,
            going(call),
            lambda id, piece, logprob: call.token(piece, id, logprob),
            text=chosen.get(task.parameter),
            max_tokens=int(chosen.get("max_tokens", MAX_TOKENS)),
            beams=int(chosen.get("num_beams", 1)),
            length_penalty=float(chosen.get("length_penalty", 1)),
            early_stopping=chosen.get("early_stopping", False),
        )
    except PromptTooLong as error:
        expected = f"at most {error.limit} tokens, not {error.tokens}"
        raise InvalidInput({field: expected}) from error
    except ParameterError as error:
        raise InvalidInput({field: error.expected}) from error
    except UnicodeEncodeError as error:
        raise InvalidInput({field: "no unpaired surrogates"}) from error
    except NumericError as error:
        raise AlgorithmFailure("NumericError", str(error)) from error

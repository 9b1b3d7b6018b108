"""What `ml.transcribe` takes and gives, and the defaults of OpenAI's reference."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2

from edgemesh_executor_ml import sounds, vad

NAME = "ml.transcribe"
TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
COMPRESSION_RATIO = 2.4
LOGPROB = -1.0
NO_SPEECH = 0.6
VAD = {"min_silence_ms": 2000.0, "pad_ms": 400.0}
"""Of `vad`, beside ml.vad's own: a pause within a sentence is heard too."""
_MOST_CHARACTERS = 8192


def describe(models: Sequence[str]) -> algorithm_pb2.Algorithm:
    """The algorithm over these models, the default first."""
    return algorithm_pb2.Algorithm(
        name=NAME,
        version="1",
        description=(
            "Speech to text with times; streams each segment's tokens, then on stdout a line of"
            " JSON with its start, end and text"
        ),
        parameters_schema=json.dumps(_parameters(models)),
        result_schema=json.dumps(_result()),
        inputs=[sounds.spec()],
        streams=True,
        idempotent=True,
        default_run_time_ms=sounds.RUN_TIME_MS,
    )


def _parameters(models: Sequence[str]) -> dict[str, Any]:
    temperature = {"type": "number", "minimum": 0, "maximum": 2}

    def threshold(default: float, meaning: str) -> dict[str, Any]:
        return {
            "type": ["number", "null"],
            "default": default,
            "description": f"{meaning}; null: never",
        }

    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "language": {
                "type": "string",
                "pattern": "^[a-z]{2,3}$",
                "description": "a code such as en; default: as it is heard",
            },
            "task": {
                "type": "string",
                "enum": ["transcribe", "translate"],
                "description": "translate: to English; default: as the model says, transcribe",
            },
            "timestamps": {
                "type": "string",
                "enum": ["none", "segment", "word"],
                "default": "segment",
                "description": "word: segments have `words`, by what the model looked at",
            },
            "temperature": {
                "anyOf": [
                    temperature,
                    {"type": "array", "minItems": 1, "maxItems": 16, "items": temperature},
                ],
                "default": list(TEMPERATURES),
                "description": "tried in turn until a window's text is good enough",
            },
            "compression_ratio_threshold": threshold(
                COMPRESSION_RATIO, "a text that zlib makes so many times shorter repeats itself"
            ),
            "logprob_threshold": threshold(
                LOGPROB, "a text less likely, by its tokens' mean, is not good enough"
            ),
            "no_speech_threshold": threshold(
                NO_SPEECH, "silence, where it is so probable and the text is not likely"
            ),
            "prompt": {
                "type": "string",
                "maxLength": _MOST_CHARACTERS,
                "description": "a text that comes before: names, spelling, style",
            },
            "condition_on_previous_text": {
                "type": "boolean",
                "default": True,
                "description": "whether each window is told the text so far",
            },
            "seed": {
                "type": "integer",
                "minimum": 0,
                "maximum": (1 << 53) - 1,
                "default": 0,
                "description": "of temperatures above 0",
            },
            "sample_rate": sounds.RATE_SCHEMA,
            "vad": {
                "anyOf": [
                    {"type": "boolean"},
                    {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": vad.rules_schema(VAD),
                    },
                ],
                "default": False,
                "description": (
                    "whether only the speech in it is heard, as a model of the task vad finds it;"
                    " or by which rules, as of ml.vad"
                ),
            },
            "tokens": {
                "type": "boolean",
                "default": False,
                "description": "whether segments tell their tokens' ids",
            },
            "model": {"type": "string", "enum": list(models), "default": models[0]},
        },
    }


def _result() -> dict[str, Any]:
    text, number = {"type": "string"}, {"type": "number"}
    segment = {
        "start": number,
        "end": number,
        "text": text,
        "avg_logprob": number,
        "compression_ratio": number,
        "no_speech_prob": number,
        "temperature": number,
    }
    word = {"word": text, "start": number, "end": number, "probability": number}
    words = {
        "type": "array",
        "items": {"type": "object", "required": list(word), "properties": word},
    }
    properties = {
        "text": text,
        "language": {"type": ["string", "null"]},
        "duration_s": number,
        "segments": {
            "type": "array",
            "items": {
                "type": "object",
                "required": list(segment),
                "properties": segment | {"tokens": {"type": "array"}, "words": words},
            },
        },
        "model": text,
        "model_version": text,
    }
    required = list(properties)
    properties["speech_s"] = number | {"description": "of what was heard, where vad was told"}
    return {"type": "object", "required": required, "properties": properties}

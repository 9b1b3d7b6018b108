"""`ml.chat`: a conversation's next message, in the shape that OpenAI's clients know.

Rules: it is `ml.generate` on messages; parameters and streamed tokens are the same, only the result
is arranged otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2

from edgemesh_candle import Generator
from edgemesh_executor_ml import generate
from edgemesh_executor_ml.manifest import Manifest
from mesh_service.executor import Call, Reply

NAME = "ml.chat"


def describe(models: Sequence[str]) -> algorithm_pb2.Algorithm:
    """The algorithm over these models, the default first."""
    described = generate.describe(models)
    parameters = json.loads(described.parameters_schema)
    # A chat has messages, and an answer of OpenAI's shape has no place for what is told of them.
    for name in ("prompt", "prompt_logprobs"):
        del parameters["properties"][name]
    del parameters["description"]
    parameters["required"] = ["messages"]
    plain = json.loads(described.result_schema)["properties"]
    counts = ("prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens")
    choice = {
        "index": {"type": "integer"},
        "message": {
            "type": "object",
            "required": ["role", "content"],
            "properties": {"role": {"const": "assistant"}, "content": {"type": "string"}},
        },
        "finish_reason": plain["finish_reason"],
        "logprobs": {"type": ["object", "null"], "description": "content: of each token"},
    }
    kept = ("model", "model_version", "seed", "time_to_first_token_ms", "tokens_per_second")
    result = {name: plain[name] for name in kept} | {
        "choices": {
            "type": "array",
            "items": {"type": "object", "required": list(choice), "properties": choice},
        },
        "usage": {
            "type": "object",
            "required": list(counts),
            "properties": {name: {"type": "integer"} for name in counts},
        },
    }
    described.name = NAME
    described.description = "The next message of a conversation; streams tokens as ml.generate does"
    described.parameters_schema = json.dumps(parameters)
    described.result_schema = json.dumps(
        {"type": "object", "required": list(result), "properties": result}
    )
    return described


def run(call: Call, manifest: Manifest, generator: Generator) -> Reply:
    """Answer one call. Raises InvalidInput, AlgorithmFailure."""
    reply = generate.run(call, manifest, generator)
    reply.result = _arranged(reply.result)
    return reply


def _arranged(result: Mapping[str, Any]) -> dict[str, Any]:
    prompt, completion = result["prompt_tokens"], result["completion_tokens"]
    logprobs = result.get("logprobs")
    return {
        "model": result["model"],
        "model_version": result["model_version"],
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": result["text"]},
                "finish_reason": result["finish_reason"],
                "logprobs": None if logprobs is None else {"content": logprobs},
            }
        ],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "cached_tokens": result["cached_tokens"],
        },
        "seed": result["seed"],
        "time_to_first_token_ms": result["time_to_first_token_ms"],
        "tokens_per_second": result["tokens_per_second"],
    }

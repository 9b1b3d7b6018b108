"""`ml.embed`: texts to vectors.

Rules: vectors are written straight into the memory that the front reads; between steps of some
50 ms the call looks at its deadline and at its caller.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from edgemesh.compute.v1 import algorithm_pb2, tensor_pb2

from edgemesh_candle import Embedder, ParameterError, TextTooLong
from edgemesh_executor_ml.manifest import Manifest
from edgemesh_executor_ml.prompts import Prompts
from edgemesh_executor_ml.stopped import stopped
from mesh_service.executor import Call, InvalidInput, Reply, TensorView

NAME = "ml.embed"
MOST_TEXTS = 1024
MOST_CHARACTERS = 1_000_000
MOST_PROMPT = 65_536


def describe(models: Sequence[str]) -> algorithm_pb2.Algorithm:
    """The algorithm over these models, the default first."""
    parameters = {
        "type": "object",
        "required": ["texts"],
        "additionalProperties": False,
        "properties": {
            "texts": {
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_TEXTS,
                "items": {"type": "string", "maxLength": MOST_CHARACTERS},
            },
            "model": {"type": "string", "enum": list(models), "default": models[0]},
            "normalize": {
                "type": "boolean",
                "default": True,
                "description": "whether vectors have length 1, so that a dot product is a cosine",
            },
            "truncate": {
                "type": "boolean",
                "default": True,
                "description": "whether the end of longer texts than the model reads is ignored",
            },
            "prompt": {
                "type": "string",
                "maxLength": MOST_PROMPT,
                "description": "put before each text",
            },
            "prompt_name": {
                "type": "string",
                "maxLength": 256,
                "description": "one of the model's own prompts, put before each text",
            },
        },
    }
    result = {
        "type": "object",
        "required": ["model", "model_version", "dimensions", "tokens", "truncated"],
        "properties": {
            "model": {"type": "string"},
            "model_version": {"type": "string"},
            "dimensions": {"type": "integer"},
            "tokens": {"type": "integer", "description": "tokens read in all"},
            "truncated": {
                "type": "integer",
                "description": "texts longer than the model reads, whose end was ignored",
            },
        },
    }
    return algorithm_pb2.Algorithm(
        name=NAME,
        version="1",
        description="Sentence embeddings: one vector per text, near for texts of near meaning",
        parameters_schema=json.dumps(parameters),
        result_schema=json.dumps(result),
        outputs=[
            algorithm_pb2.TensorSpec(
                name="embeddings",
                dtypes=[tensor_pb2.DATA_TYPE_FLOAT32],
                shape=[-1, -1],
                required=True,
                description="[texts, dimensions]",
            )
        ],
        idempotent=True,
    )


def run(call: Call, manifest: Manifest, embedder: Embedder, prompts: Prompts) -> Reply:
    """Embed the texts of one call. Raises InvalidInput."""
    texts: list[str] = call.parameters["texts"]
    if prompt := prompts.of(call.parameters):
        texts = [prompt + text for text in texts]
    try:
        job = embedder.start(
            texts,
            normalize=call.parameters.get("normalize", True),
            truncate=call.parameters.get("truncate", True),
        )
    except TextTooLong as error:
        expected = f"at most {error.limit} tokens, not {error.tokens}"
        raise InvalidInput({f"parameters.texts[{error.index}]": expected}) from error
    except ParameterError as error:
        raise InvalidInput({f"parameters.{error.name}": error.expected}) from error
    except UnicodeEncodeError as error:
        raise InvalidInput({"parameters.texts": "no unpaired surrogates"}) from error
    out = call.allocate(job.nbytes)
    while job.step(out):
        if (reply := stopped(call)) is not None:
            return reply
    return Reply(
        result={
            "model": manifest.name,
            "model_version": manifest.version,
            "dimensions": embedder.dimensions,
            "tokens": job.tokens,
            "truncated": job.truncated,
        },
        input_tokens=job.tokens,
        outputs={
            "embeddings": TensorView(
                tensor_pb2.DATA_TYPE_FLOAT32, (len(texts), embedder.dimensions), out
            )
        },
    )

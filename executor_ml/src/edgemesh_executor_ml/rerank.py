"""`ml.rerank`: documents in the order in which they answer a query.

Rules: scores are those of sentence-transformers' CrossEncoder; equal ones stay in the order in
which they came. Between steps of some 50 ms the call looks at its deadline and at its caller.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2

from edgemesh_candle import ParameterError, Reranker
from edgemesh_executor_ml.manifest import Manifest, Unusable
from edgemesh_executor_ml.stopped import stopped
from mesh_service.executor import AlgorithmFailure, Call, InvalidInput, Reply

NAME = "ml.rerank"
MOST_DOCUMENTS = 1024
MOST_CHARACTERS = 1_000_000


def open_reranker(folder: Path) -> Reranker:
    """Open a model of the task `rerank`. Raises CandleError, Unusable."""
    reranker = Reranker(folder)
    job = reranker.start("warm-up", ["warm-up"])
    job.step()
    if not all(map(math.isfinite, job.scores())):
        raise Unusable("its weights give scores that are no numbers")
    return reranker


def describe(models: Sequence[str]) -> algorithm_pb2.Algorithm:
    """The algorithm over these models, the default first."""
    text = {"type": "string", "maxLength": MOST_CHARACTERS}
    parameters = {
        "type": "object",
        "required": ["query", "documents"],
        "additionalProperties": False,
        "properties": {
            "query": text,
            "documents": {
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_DOCUMENTS,
                "items": text,
            },
            "top_n": {
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_DOCUMENTS,
                "description": "how many of the best are told; default: all",
            },
            "return_documents": {
                "type": "boolean",
                "default": False,
                "description": "whether each result repeats its document",
            },
            "raw_scores": {
                "type": "boolean",
                "default": False,
                "description": "whether scores are the model's logits, without its activation",
            },
            "model": {"type": "string", "enum": list(models), "default": models[0]},
        },
    }
    result = {
        "type": "object",
        "required": ["model", "model_version", "results", "tokens", "truncated"],
        "properties": {
            "model": {"type": "string"},
            "model_version": {"type": "string"},
            "results": {
                "type": "array",
                "description": "best first",
                "items": {
                    "type": "object",
                    "required": ["index", "score"],
                    "properties": {
                        "index": {"type": "integer", "description": "of the document"},
                        "score": {"type": "number"},
                        "document": {"type": "string", "description": "if asked for"},
                    },
                },
            },
            "tokens": {"type": "integer", "description": "tokens read in all"},
            "truncated": {
                "type": "integer",
                "description": "documents that with the query are longer than the model reads",
            },
        },
    }
    return algorithm_pb2.Algorithm(
        name=NAME,
        version="1",
        description="Documents sorted by how well each answers a query, by a cross-encoder",
        parameters_schema=json.dumps(parameters),
        result_schema=json.dumps(result),
        idempotent=True,
    )


def run(call: Call, manifest: Manifest, reranker: Reranker) -> Reply:
    """Sort the documents of one call. Raises InvalidInput, AlgorithmFailure."""
    parameters = call.parameters
    documents: list[str] = parameters["documents"]
    try:
        job = reranker.start(parameters["query"], documents)
    except ParameterError as error:
        raise InvalidInput({f"parameters.{error.name}": error.expected}) from error
    except UnicodeEncodeError as error:
        query = error.object == parameters["query"]
        field = "query" if query else f"documents[{documents.index(error.object)}]"
        raise InvalidInput({f"parameters.{field}": "no unpaired surrogates"}) from error
    while job.step():
        if (reply := stopped(call)) is not None:
            return reply
    scores = job.scores(raw=parameters.get("raw_scores", False))
    if not all(map(math.isfinite, scores)):
        raise AlgorithmFailure("NumericError", "the model produced a value that is not a number")
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    results: list[dict[str, Any]] = []
    for index in order[: int(parameters.get("top_n", len(order)))]:
        told: dict[str, Any] = {"index": index, "score": scores[index]}
        if parameters.get("return_documents", False):
            told["document"] = documents[index]
        results.append(told)
    return Reply(
        result={
            "model": manifest.name,
            "model_version": manifest.version,
            "results": results,
            "tokens": job.tokens,
            "truncated": job.truncated,
        },
        input_tokens=job.tokens,
    )

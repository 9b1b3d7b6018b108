"""`ml.classify_image`: what is on pictures, and the numbers that stand for them.

Rules: pictures of one call are computed together, some at a time; between those the call looks at
its deadline and at its caller. A model without a head gives features alone.
"""

from __future__ import annotations

import heapq
import json
import math
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2, tensor_pb2

from edgemesh_candle import Classifier
from edgemesh_executor_ml import pictures
from edgemesh_executor_ml.manifest import Manifest, Unusable
from edgemesh_executor_ml.stopped import stopped
from mesh_service.executor import Call, Reply, TensorView

NAME = "ml.classify_image"
_FLOAT = 4


def open_classifier(folder: Path) -> Classifier:
    """Open a model, and compute with it once. Raises CandleError, Unusable."""
    model = Classifier(folder)
    grey = pictures.grey(model.prepare)
    for values in model.classify([grey]):
        if not all(map(math.isfinite, array("f", values))):
            raise Unusable("its weights give scores of what are no numbers")
    return model


def describe(models: Sequence[str]) -> algorithm_pb2.Algorithm:
    """The algorithm over these models, the default first."""
    parameters: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "model": {"type": "string", "enum": list(models), "default": models[0]},
            "top_k": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 5},
            "features": {
                "type": "boolean",
                "default": False,
                "description": "whether the output `features` is given, as it always is by a model"
                " that has no labels",
            },
        },
    }
    return algorithm_pb2.Algorithm(
        name=NAME,
        version="1",
        description="Labels of pictures with their probabilities, and features of pictures",
        parameters_schema=json.dumps(parameters),
        result_schema=pictures.result({"labels": pictures.likeliest("label", "its probability")}),
        inputs=[pictures.spec(required=True)],
        any_inputs=True,
        outputs=[pictures.vectors("features", "[pictures, features]: what the model's head reads")],
        idempotent=True,
    )


def run(call: Call, manifest: Manifest, model: Classifier) -> Reply:
    """Classify the pictures of one call. Raises InvalidInput."""
    found = pictures.prepared(call, model)
    if isinstance(found, Reply):
        return found
    names, given = found
    labels, width = model.labels, model.dimensions
    wanted = call.parameters.get("features", False) or not labels
    out = call.allocate(len(given) * width * _FLOAT) if wanted else memoryview(b"")
    top_k: int = call.parameters.get("top_k", 5)
    told: list[list[dict[str, Any]]] = []
    at = 0
    for some in pictures.steps(given):
        if (reply := stopped(call)) is not None:
            return reply
        scores, features = model.classify(some)
        if wanted:
            out[at : at + len(features)] = features
            at += len(features)
        numbers = array("f", scores)
        for i in range(len(some)):
            row = numbers[i * len(labels) : (i + 1) * len(labels)]
            best = heapq.nlargest(top_k, enumerate(row), key=lambda pair: (pair[1], -pair[0]))
            told.append(
                [{"label": labels[index], "score": score, "index": index} for index, score in best]
            )
    outputs: dict[str, TensorView] = {}
    if wanted:
        shape = (len(given), width)
        outputs["features"] = TensorView(tensor_pb2.DATA_TYPE_FLOAT32, shape, out)
    return Reply(
        result={
            "model": manifest.name,
            "model_version": manifest.version,
            "images": [
                {"input": name, "labels": best} for name, best in zip(names, told, strict=True)
            ],
        },
        outputs=outputs,
    )

"""`ml.image_text`: which texts fit which pictures, and vectors of both in one space.

Rules: as for `ml.classify_image`. Pictures or texts may be left out; with both, each picture has a
probability of each text.
"""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2, tensor_pb2

from edgemesh_candle import ImageText, ParameterError, threads
from edgemesh_executor_ml import pictures
from edgemesh_executor_ml.manifest import Manifest, Unusable
from edgemesh_executor_ml.stopped import stopped
from mesh_service.executor import Call, InvalidInput, Reply, TensorView

NAME = "ml.image_text"
MOST_TEXTS = 1024
MOST_CHARACTERS = 10_000


def open_image_text(folder: Path) -> ImageText:
    """Open a model, and compute with it once. Raises CandleError, Unusable."""
    model = ImageText(folder)
    grey = pictures.grey(model.prepare)
    ids, _ = model.tokenize("warm-up")
    seen, said = model.embed_pictures([grey]), model.embed_texts([ids])
    for values in (seen, said, model.scores(seen, said)):
        if not all(map(math.isfinite, array("f", values))):
            raise Unusable("its weights give vectors of what are no numbers")
    return model


def describe(models: Sequence[str]) -> algorithm_pb2.Algorithm:
    """The algorithm over these models, the default first."""
    parameters: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "model": {"type": "string", "enum": list(models), "default": models[0]},
            "texts": {
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_TEXTS,
                "items": {"type": "string", "maxLength": MOST_CHARACTERS},
            },
            "template": {
                "type": "string",
                "maxLength": MOST_CHARACTERS,
                "pattern": r"\{\}",
                "default": "{}",
                "description": "what a text is put into, e.g. `This is a photo of {}.`",
            },
            "embeddings": {
                "type": "boolean",
                "default": False,
                "description": "whether the outputs are given, as they always are without texts or"
                " without pictures",
            },
        },
    }
    more: dict[str, Any] = {
        "dimensions": {"type": "integer"},
        "truncated": {
            "type": "integer",
            "description": "texts longer than the model reads, whose end was ignored",
        },
    }
    fitting = pictures.likeliest("text", "how likely it belongs to the picture")
    vectors = {
        "image_embeddings": "[pictures, dimensions], each of length 1",
        "text_embeddings": "[texts, dimensions], each of length 1",
    }
    return algorithm_pb2.Algorithm(
        name=NAME,
        version="1",
        description="How likely texts belong to pictures (zero-shot labels), and vectors of both",
        parameters_schema=json.dumps(parameters),
        result_schema=pictures.result({"texts": fitting}, more),
        inputs=[pictures.spec(required=False)],
        any_inputs=True,
        outputs=[pictures.vectors(*each) for each in vectors.items()],
        idempotent=True,
    )


def run(call: Call, manifest: Manifest, model: ImageText) -> Reply:
    """Embed and compare what one call has. Raises InvalidInput."""
    texts: list[str] = call.parameters.get("texts", [])
    if not texts and not call.inputs:
        raise InvalidInput({"parameters.texts": "required where there is no inputs.image"})
    found = pictures.prepared(call, model)
    if isinstance(found, Reply):
        return found
    names, given = found
    ids, truncated = _tokens(model, texts, call.parameters.get("template", "{}"))
    seen, said = b"", b""
    for some in pictures.steps(given):
        if (reply := stopped(call)) is not None:
            return reply
        seen += model.embed_pictures(some)
    step = 8 * threads()
    for at in range(0, len(ids), step):
        if (reply := stopped(call)) is not None:
            return reply
        said += model.embed_texts(ids[at : at + step])
    scores = array("f", model.scores(seen, said)) if seen and said else array("f")
    outputs: dict[str, TensorView] = {}
    if call.parameters.get("embeddings", False) or not scores:
        for name, values, count in (
            ("image_embeddings", seen, len(given)),
            ("text_embeddings", said, len(ids)),
        ):
            if count:
                out = call.allocate(len(values))
                out[:] = values
                shape = (count, model.dimensions)
                outputs[name] = TensorView(tensor_pb2.DATA_TYPE_FLOAT32, shape, out)
    return Reply(
        result={
            "model": manifest.name,
            "model_version": manifest.version,
            "dimensions": model.dimensions,
            "truncated": truncated,
            "images": [
                {"input": name, "texts": _ranked(texts, scores[i * len(texts) :][: len(texts)])}
                for i, name in enumerate(names)
            ],
        },
        outputs=outputs,
    )


def _tokens(model: ImageText, texts: list[str], template: str) -> tuple[list[list[int]], int]:
    ids: list[list[int]] = []
    truncated = 0
    for i, text in enumerate(texts):
        try:
            of, cut = model.tokenize(template.replace("{}", text))
        except ParameterError as error:
            raise InvalidInput({f"parameters.texts[{i}]": error.expected}) from error
        except UnicodeEncodeError as error:
            expected = "no unpaired surrogates"
            raise InvalidInput({f"parameters.texts[{i}]": expected}) from error
        ids.append(of)
        truncated += cut
    return ids, truncated


def _ranked(texts: list[str], scores: array[float]) -> list[dict[str, Any]]:
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    return [{"text": texts[i], "score": scores[i], "index": i} for i in order]

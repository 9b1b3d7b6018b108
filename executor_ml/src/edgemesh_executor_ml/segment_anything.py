"""`ml.segment_anything`: masks of what is at points, or in boxes, of one picture.

Rules: the picture is seen once for all prompts of a call. Points and boxes are in the pixels of the
picture that was given, and so are the masks. Between layers, and between prompts, the call looks at
its deadline and at its caller.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from edgemesh.compute.v1 import algorithm_pb2, tensor_pb2

from edgemesh_candle import Interrupted, NumericError, Picture, PictureError, Sam
from edgemesh_executor_ml import pictures
from edgemesh_executor_ml.manifest import Manifest, Unusable
from edgemesh_executor_ml.stopped import going, interrupted, stopped
from mesh_service.executor import AlgorithmFailure, Call, InvalidInput, Reply, TensorView

NAME = "ml.segment_anything"
MOST_PROMPTS = 256
MOST_POINTS = 256
MASKS = 3
"""Of a prompt that may mean several things; otherwise one."""
_RUN_TIME_MS = 300_000


def open_sam(folder: Path) -> Sam:
    """Open a model, and compute with it once. Raises CandleError, Unusable."""
    model = Sam(folder)
    try:
        seen = model.embed(pictures.grey(Picture), lambda: True)
        model.masks(seen, lambda: True, points=[(1.0, 1.0)], labels=[True])
    except NumericError as error:
        raise Unusable("its weights give masks of what are no numbers") from error
    return model


def describe(models: Sequence[str]) -> algorithm_pb2.Algorithm:
    """The algorithm over these models, the default first."""

    def numbers(count: int) -> dict[str, Any]:
        return {
            "type": "array", "minItems": count, "maxItems": count, "items": {"type": "number"}
        }  # fmt: skip

    prompt = {
        "type": "object",
        "additionalProperties": False,
        "anyOf": [{"required": ["points"]}, {"required": ["box"]}],
        "properties": {
            "points": {
                "type": "array", "minItems": 1, "maxItems": MOST_POINTS, "items": numbers(2),
                "description": "x and y in the picture's pixels",
            },
            "labels": {
                "type": "array", "minItems": 1, "maxItems": MOST_POINTS,
                "items": {"type": "integer", "enum": [0, 1]},
                "description": "of each point, 1 where the thing is, 0 where it is not; default: 1",
            },
            "box": numbers(4) | {"description": "left, top, right, bottom of what has the thing"},
        },
    }  # fmt: skip
    parameters: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["prompts"],
        "properties": {
            "model": {"type": "string", "enum": list(models), "default": models[0]},
            "prompts": {
                "type": "array", "minItems": 1, "maxItems": MOST_PROMPTS, "items": prompt,
                "description": "each gives its masks",
            },
            "multimask": {
                "type": "boolean", "default": True,
                "description": f"whether a prompt gives {MASKS} masks, as a point may mean a part"
                " or the whole, or one",
            },
        },
    }  # fmt: skip
    whole = {"type": "integer"}
    scores = {"type": "array", "items": {"type": "number"}}
    properties = {
        "model": {"type": "string"},
        "model_version": {"type": "string"},
        "width": whole,
        "height": whole,
        "scores": {
            "type": "array",
            "items": scores,
            "description": "of each prompt's masks, how well the model thinks they fit (IoU)",
        },
    }
    return algorithm_pb2.Algorithm(
        name=NAME,
        version="1",
        description="Masks of what is at points or in boxes of a picture, with scores",
        parameters_schema=json.dumps(parameters),
        result_schema=json.dumps(
            {"type": "object", "required": list(properties), "properties": properties}
        ),
        inputs=[pictures.spec(required=True, several=False)],
        outputs=[
            algorithm_pb2.TensorSpec(
                name="masks",
                dtypes=[tensor_pb2.DATA_TYPE_UINT8],
                shape=[-1, -1, -1, -1],
                description="[prompts, masks, height, width], 1 where the thing is",
            )
        ],
        streams=True,
        idempotent=True,
        default_run_time_ms=_RUN_TIME_MS,
    )


def run(call: Call, manifest: Manifest, model: Sam) -> Reply:
    """Cut out what one call asks for. Raises InvalidInput, AlgorithmFailure."""
    try:
        return _run(call, manifest, model)
    except Interrupted as error:
        return interrupted(call, error)
    except NumericError as error:
        raise AlgorithmFailure("NumericError", str(error)) from error


def _run(call: Call, manifest: Manifest, model: Sam) -> Reply:
    prompts = cast("list[dict[str, Any]]", call.parameters["prompts"])
    for i, prompt in enumerate(prompts):
        points, labels = prompt.get("points", ()), prompt.get("labels")
        if labels is not None and len(labels) != len(points):
            expected = f"as many as points, {len(points)}, not {len(labels)}"
            raise InvalidInput({f"parameters.prompts[{i}].labels": expected})
    given = pictures.of(call)
    if len(given) != 1:
        raise InvalidInput({"inputs.image": f"one picture, not {len(given)}"})
    picture = pictures.read(given[0], Picture)
    height, width = picture.size
    for i, prompt in enumerate(prompts):
        _check(prompt, i, height, width)
    one = not call.parameters.get("multimask", True)
    pixels, count = height * width, 1 if one else MASKS
    nbytes = len(prompts) * count * pixels
    if nbytes > (most := call.limits.memory_bytes // 2):
        fewer = f"{most // (count * pixels)} or less: masks of {len(prompts)} are {nbytes} bytes"
        raise InvalidInput({"parameters.prompts": fewer})
    ask = going(call)
    try:
        seen = model.embed(picture, ask)
    except PictureError as error:
        raise InvalidInput({"inputs.image": error.expected}) from error
    out = call.allocate(nbytes)
    scores: list[list[float]] = []
    for i, prompt in enumerate(prompts):
        points = [(float(x), float(y)) for x, y in prompt.get("points", ())]
        labels = [label == 1 for label in prompt.get("labels", [1] * len(points))]
        box = prompt.get("box")
        area = None if box is None else (box[0], box[1], box[2], box[3])
        masks = model.masks(seen, ask, points=points, labels=labels, area=area, one=one)
        for n in range(count):
            if (reply := stopped(call)) is not None:
                return reply
            at = (i * count + n) * pixels
            masks.write(n, out[at : at + pixels])
        scores.append(masks.scores)
        call.progress((i + 1) / len(prompts))
    return Reply(
        result={
            "model": manifest.name,
            "model_version": manifest.version,
            "width": width,
            "height": height,
            "scores": scores,
        },
        outputs={
            "masks": TensorView(
                tensor_pb2.DATA_TYPE_UINT8, (len(prompts), count, height, width), out
            )
        },
    )


def _check(prompt: dict[str, Any], i: int, height: int, width: int) -> None:
    """Whether a prompt lies in the picture. Raises InvalidInput."""
    within = f"within {width} by {height}"
    for n, (x, y) in enumerate(prompt.get("points", ())):
        if not (0 <= x <= width and 0 <= y <= height):
            raise InvalidInput({f"parameters.prompts[{i}].points[{n}]": f"{within}, not {x}, {y}"})
    if (box := prompt.get("box")) is not None:
        left, top, right, bottom = box
        if not (0 <= left < right <= width and 0 <= top < bottom <= height):
            expected = f"left, top, right, bottom {within}, not {box}"
            raise InvalidInput({f"parameters.prompts[{i}].box": expected})

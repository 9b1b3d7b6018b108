"""`ml.detect`, `ml.segment` and `ml.pose`: the things in pictures, by a model of that task.

Rules: boxes are in the pixels of the picture that was given. Pictures are read and looked at one
after another, so that no call holds more than one; between two it looks at its deadline and at its
caller.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2, tensor_pb2

from edgemesh_candle import Detector, Found, NumericError, Picture
from edgemesh_executor_ml import pictures
from edgemesh_executor_ml.manifest import Manifest
from edgemesh_executor_ml.stopped import stopped
from mesh_service.executor import AlgorithmFailure, Call, InvalidInput, Reply, TensorView

TOLD = {
    "detect": "Things in pictures: a box, a class and a score of each",
    "segment": "Things in pictures: a box, a class, a score and a mask of each",
    "pose": "Bodies in pictures: a box, a score and the keypoints of each",
}
"""Tasks, each the algorithm `ml.<task>`."""
CONFIDENCE, IOU, MOST = 0.25, 0.7, 300
_MOST_SIZE = 1280
_NUMBER = {"type": "number"}


def describe(task: str, models: Sequence[str]) -> algorithm_pb2.Algorithm:
    """The algorithm of a task over these models, the default first."""
    parameters = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "model": {"type": "string", "enum": list(models), "default": models[0]},
            "confidence": {
                "type": "number", "minimum": 0, "maximum": 1, "default": CONFIDENCE,
                "description": "things of no higher score are left out",
            },
            "iou": {
                "type": "number", "minimum": 0, "maximum": 1, "default": IOU,
                "description": "of two boxes of a class that overlap by more, one is kept",
            },
            "agnostic": {
                "type": "boolean", "default": False,
                "description": "whether boxes of other classes count as well",
            },
            "max_detections": {"type": "integer", "minimum": 1, "maximum": 1000, "default": MOST},
            "size": {
                "type": "integer", "minimum": 32, "maximum": _MOST_SIZE, "multipleOf": 32,
                "description": "what a picture's longer side is scaled to; default: the model's",
            },
            "annotate": {
                "type": "boolean", "default": False,
                "description": "whether to give the picture as a PNG with what was found drawn in",
            },
        },
    }  # fmt: skip
    outputs = [_spec("annotated", tensor_pb2.DATA_TYPE_BYTES, [-1], "a PNG, if annotate is true")]
    if task == "segment":
        told = "[things, height, width], 1 where the thing is; in the order of the result"
        outputs.append(_spec("masks", tensor_pb2.DATA_TYPE_UINT8, [-1, -1, -1], told))
    return algorithm_pb2.Algorithm(
        name=f"ml.{task}",
        version="1",
        description=f"{TOLD[task]}; outputs of later pictures are NAME.1, NAME.2, …",
        parameters_schema=json.dumps(parameters),
        result_schema=_result(task),
        inputs=[pictures.spec(required=True)],
        any_inputs=True,
        outputs=outputs,
        idempotent=True,
    )


def run(call: Call, manifest: Manifest, detector: Detector) -> Reply:
    """Look at the pictures of one call. Raises InvalidInput, AlgorithmFailure."""
    told: list[dict[str, Any]] = []
    outputs: dict[str, TensorView] = {}

    def result() -> dict[str, Any]:
        return {"model": manifest.name, "model_version": manifest.version, "images": told}

    for i, given in enumerate(pictures.of(call)):
        if (reply := stopped(call, result)) is not None:
            return reply
        picture = pictures.read(given, Picture)
        found = _find(call, detector, picture)
        told.append(_told(given.input, picture, found, detector))
        suffix = f".{i}" if i else ""
        if detector.task == "segment":
            outputs[f"masks{suffix}"] = _masks(call, picture, found)
        if call.parameters.get("annotate", False):
            outputs[f"annotated{suffix}"] = _annotated(picture, found)
    return Reply(result=result(), outputs=outputs)


def _find(call: Call, detector: Detector, picture: Picture) -> Found:
    chosen = call.parameters
    try:
        return detector.find(
            picture,
            size=int(chosen.get("size", detector.size)),
            confidence=chosen.get("confidence", CONFIDENCE),
            iou=chosen.get("iou", IOU),
            agnostic=chosen.get("agnostic", False),
            most=int(chosen.get("max_detections", MOST)),
        )
    except NumericError as error:
        raise AlgorithmFailure("NumericError", str(error)) from error


def _told(name: str, picture: Picture, found: Found, detector: Detector) -> dict[str, Any]:
    things: list[dict[str, Any]] = []
    names = detector.names
    for number, score, box, points in found.things():
        thing: dict[str, Any] = {
            "class": number,
            "name": names[number],
            "score": score,
            "box": box,
        }
        if detector.task == "pose":
            thing["keypoints"] = [{"x": x, "y": y, "score": seen} for x, y, seen in points]
        things.append(thing)
    height, width = picture.size
    return {"input": name, "width": width, "height": height, "things": things}


def _masks(call: Call, picture: Picture, found: Found) -> TensorView:
    height, width = picture.size
    pixels = height * width
    if (nbytes := len(found) * pixels) > (most := call.limits.memory_bytes // 2):
        fewer = f"{most // pixels} or less: masks of {len(found)} things are {nbytes} bytes"
        raise InvalidInput({"parameters.max_detections": fewer})
    out = call.allocate(nbytes) if nbytes else memoryview(b"")
    for i in range(len(found)):
        found.mask(i, out[i * pixels : (i + 1) * pixels])
    return TensorView(tensor_pb2.DATA_TYPE_UINT8, (len(found), height, width), out)


def _annotated(picture: Picture, found: Found) -> TensorView:
    png = memoryview(found.annotated(picture))
    return TensorView(tensor_pb2.DATA_TYPE_BYTES, (png.nbytes,), png, "image/png")


def _spec(
    name: str, dtype: tensor_pb2.DataType.ValueType, shape: list[int], told: str
) -> algorithm_pb2.TensorSpec:
    return algorithm_pb2.TensorSpec(
        name=name, dtypes=[dtype], shape=shape, allow_empty=True, description=told
    )


def _result(task: str) -> str:
    thing: dict[str, Any] = {
        "class": {"type": "integer"},
        "name": {"type": "string"},
        "score": _NUMBER,
        "box": {
            "type": "array",
            "items": _NUMBER,
            "description": "left, top, right, bottom in the picture's pixels",
        },
    }
    if task == "pose":
        point = {"type": "object", "properties": {"x": _NUMBER, "y": _NUMBER, "score": _NUMBER}}
        thing["keypoints"] = {"type": "array", "items": point}
    things = {
        "type": "array",
        "items": {"type": "object", "required": list(thing), "properties": thing},
        "description": "the likeliest first",
    }
    whole = {"type": "integer"}
    return pictures.result({"width": whole, "height": whole, "things": things})

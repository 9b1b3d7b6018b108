"""`ml.detect`, `ml.segment` and `ml.pose` as a worker runs them, and at their edges.

The weights are made up: what is found means nothing. That numbers are right is the crate's test.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Pool
from edgemesh.compute.v1 import compute_pb2, tensor_pb2
from made import put
from made_detector import detector
from made_pictures import png, rgb
from served import REFUSED, SERVING, served

from edgemesh_candle import Detector, NumericError
from edgemesh_executor_ml.derive import derive
from edgemesh_executor_ml.runner import MlRunner
from mesh_service.executor import Call, InvalidInput, Reply, TensorView

BYTES, UINT8 = tensor_pb2.DATA_TYPE_BYTES, tensor_pb2.DATA_TYPE_UINT8
KINDS = {"detect": "yolov8", "segment": "yolov8-segment", "pose": "yolov8-pose"}


@pytest.fixture(scope="module")
def runners(tmp_path_factory: pytest.TempPathFactory) -> dict[str, MlRunner]:
    made: dict[str, MlRunner] = {}
    for task, kind in KINDS.items():
        folder = put(tmp_path_factory.mktemp("models") / task, detector(kind))
        manifest = json.loads(derive(folder).dump())
        made[task] = MlRunner({"folder": str(folder), "manifest": manifest})
    return made


def encoded(data: bytes) -> TensorView:
    return TensorView(BYTES, (len(data),), memoryview(data))


def plain(*shape: int) -> TensorView:
    count = 1
    for n in shape:
        count *= n
    return TensorView(UINT8, shape, memoryview(bytes(i * 7 % 256 for i in range(count))))


def look(
    runners: dict[str, MlRunner],
    task: str = "detect",
    pool: Pool | None = None,
    memory: int = 1 << 30,
    inputs: dict[str, TensorView] | None = None,
    **parameters: Any,
) -> Reply:
    request = compute_pb2.ComputeRequest(
        algorithm=f"ml.{task}@1",
        limits=compute_pb2.Limits(run_time_ms=60_000, memory_bytes=memory),
    )
    given = {"image": encoded(png(50, 37))} if inputs is None else inputs
    return runners[task].run(Call(pool or Pool(), request, parameters, given, True))


def refused(runners: dict[str, MlRunner], task: str = "detect", **given: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        look(runners, task, **given)
    return caught.value.violations


def test_things_have_boxes_in_the_picture(runners: dict[str, MlRunner]) -> None:
    reply = look(runners, confidence=0.01, max_detections=5, iou=0.5)
    assert reply.outcome == compute_pb2.OUTCOME_OK
    assert (reply.result["model"], reply.result["model_version"]) == ("detect", "1")
    (image,) = reply.result["images"]
    assert (image["input"], image["width"], image["height"]) == ("image", 37, 50)
    things = image["things"]
    assert 1 <= len(things) <= 5
    assert not reply.outputs
    for thing in things:
        left, top, right, bottom = thing["box"]
        assert 0 <= left < right <= 37
        assert 0 <= top < bottom <= 50
        assert thing["name"] == ["cat", "dog", "bird"][thing["class"]]
        assert 0.01 < thing["score"] < 1
    scores = [thing["score"] for thing in things]
    assert scores == sorted(scores, reverse=True)


def test_pixels_are_as_good_as_a_file(runners: dict[str, MlRunner]) -> None:
    pixels = {"image": TensorView(UINT8, (50, 37, 3), memoryview(rgb(50, 37)))}
    assert look(runners, inputs=pixels).result == look(runners).result


def test_a_thing_has_a_mask_of_the_pictures_size(runners: dict[str, MlRunner]) -> None:
    reply = look(runners, "segment", confidence=0.01, max_detections=3, iou=0.4)
    (image,) = reply.result["images"]
    masks = reply.outputs["masks"]
    count = len(image["things"])
    assert (masks.dtype, masks.shape) == (UINT8, (count, 50, 37))
    assert set(bytes(masks.data)) <= {0, 1}
    for i, thing in enumerate(image["things"]):
        left, top, right, bottom = thing["box"]
        ones = [n for n, v in enumerate(masks.data[i * 1850 : (i + 1) * 1850]) if v]
        assert all(left <= n % 37 < right and top <= n // 37 < bottom for n in ones)


def test_no_things_have_no_masks(runners: dict[str, MlRunner]) -> None:
    reply = look(runners, "segment", confidence=1)
    assert reply.result["images"][0]["things"] == []
    assert reply.outputs["masks"].shape == (0, 50, 37)


def test_a_body_has_keypoints(runners: dict[str, MlRunner]) -> None:
    reply = look(runners, "pose", confidence=0.01, max_detections=2)
    for thing in reply.result["images"][0]["things"]:
        assert len(thing["keypoints"]) == 5
        assert all(0 <= point["score"] <= 1 for point in thing["keypoints"])


def test_outputs_of_several_pictures_are_numbered(runners: dict[str, MlRunner]) -> None:
    inputs = {"image.7": encoded(png(30, 20)), "image": plain(2, 40, 10, 3)}
    reply = look(runners, "segment", inputs=inputs, annotate=True, confidence=0.01)
    told = [(i["input"], i["width"], i["height"]) for i in reply.result["images"]]
    assert told == [("image", 10, 40), ("image", 10, 40), ("image.7", 20, 30)]
    outputs = ["annotated", "annotated.1", "annotated.2", "masks", "masks.1", "masks.2"]
    assert sorted(reply.outputs) == outputs
    assert reply.outputs["masks.2"].shape[1:] == (30, 20)


def test_what_was_found_is_drawn_in(runners: dict[str, MlRunner]) -> None:
    reply = look(runners, annotate=True, confidence=0.01, max_detections=1)
    annotated = reply.outputs["annotated"]
    assert (annotated.dtype, annotated.media_type) == (BYTES, "image/png")
    assert bytes(annotated.data[:8]) == b"\x89PNG\r\n\x1a\n"
    again = {"image": TensorView(BYTES, annotated.shape, annotated.data)}
    assert look(runners, inputs=again).result["images"][0]["width"] == 37


@pytest.mark.parametrize(
    ("given", "field", "expected"),
    [
        ({"image.1": encoded(b"a text")}, "inputs.image.1", "a PNG, JPEG or WebP; these"),
        ({"image.1": encoded(png(8, 8)[:60])}, "inputs.image.1", "a whole PNG: "),
        ({"image.1": plain(4, 4, 4)}, "inputs.image.1.shape", "a PNG, JPEG or WebP as BYTES, or "),
        ({"it": plain(4, 4, 3)}, "inputs.it", "image, image.1, image.2, …"),
        ({"image.1": plain(64, 1, 1, 3)}, "inputs.image.1", "at most 64 pictures in a call"),
    ],
)
def test_what_is_no_picture_is_named(
    runners: dict[str, MlRunner], given: dict[str, TensorView], field: str, expected: str
) -> None:
    told = refused(runners, inputs={"image": plain(4, 4, 3), **given})
    assert list(told) == [field]
    assert told[field].startswith(expected)


def test_masks_that_pass_the_memory_are_refused(runners: dict[str, MlRunner]) -> None:
    inputs = {"image": plain(50, 40, 3)}
    told = refused(runners, "segment", inputs=inputs, memory=50 * 40 * 16, confidence=0.01, iou=1)
    assert told["parameters.max_detections"].startswith("8 or less: masks of ")


def test_between_pictures_a_call_can_stop(runners: dict[str, MlRunner]) -> None:
    late = Pool(deadline=time.monotonic())
    reply = look(runners, pool=late)
    assert reply.outcome == compute_pb2.OUTCOME_TIMEOUT
    assert reply.failure is not None
    assert reply.failure.limit.name == "run_time_ms"
    gone = Pool()
    gone.cancelled.set()
    assert look(runners, pool=gone).outcome == compute_pb2.OUTCOME_CANCELLED


def test_weights_that_give_no_numbers_are_refused(tmp_path: Path) -> None:
    files = detector()
    weights = bytearray(files["model.safetensors"])
    first = 8 + int.from_bytes(weights[:8], "little")
    weights[first : first + 4] = b"\0\0\xc0\x7f"
    folder = put(tmp_path / "model", files | {"model.safetensors": bytes(weights)})
    with pytest.raises(NumericError):
        Detector(folder)


def test_a_detector_that_is_dropped_in_is_served(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    with served(models, tmp_path / "cache") as executor:
        put(models / ".made", detector("yolo11")).rename(models / "made")
        put(models / ".odd", detector(task="pose")).rename(models / "odd")
        executor.state("made", SERVING)
        why = executor.state("odd", REFUSED).detail
        assert "weights for Detect, its config says Pose" in why
        assert "made" in executor.names("ml.detect")
        request = compute_pb2.ComputeRequest(algorithm="ml.detect", parameters='{"iou": 0.5}')
        data = png(30, 40)
        request.inputs["image"].CopyFrom(
            tensor_pb2.Tensor(dtype=BYTES, shape=[len(data)], data=data)
        )
        response = executor.stub.Execute(request, timeout=60)
        assert response.outcome == compute_pb2.OUTCOME_OK, response
        assert json.loads(response.result)["images"][0]["height"] == 30

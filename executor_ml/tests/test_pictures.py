"""`ml.classify_image` and `ml.image_text` over models that are dropped in, and at their edges.

What they compute is held against transformers in crate/tests/vision_families.rs.
"""

from __future__ import annotations

import json
import math
import time
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
from conftest import Pool
from edgemesh.compute.v1 import compute_pb2, tensor_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from made import put
from made_pictures import LABELS, clip, png, rgb, vit
from served import REFUSED, SERVING, Served, resident, served

from edgemesh_executor_ml.derive import derive
from edgemesh_executor_ml.manifest import Incomplete
from edgemesh_executor_ml.runner import MlRunner
from mesh_service.executor import Call, TensorView

BYTES, UINT8 = tensor_pb2.DATA_TYPE_BYTES, tensor_pb2.DATA_TYPE_UINT8
Given = Mapping[str, tuple[tensor_pb2.DataType.ValueType, tuple[int, ...], bytes]]
ONE: Given = {"image": (BYTES, (), png(20, 30))}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def executor(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(models, tmp_path_factory.mktemp("cache")) as running:
        put(models / "seeing", vit())
        put(models / "fitting", clip())
        running.state("seeing", SERVING)
        running.state("fitting", SERVING)
        yield running


def ask(
    executor: Served, algorithm: str, given: Given, **parameters: Any
) -> compute_pb2.ComputeResponse:
    request = compute_pb2.ComputeRequest(
        algorithm=f"ml.{algorithm}", parameters=json.dumps(parameters)
    )
    for name, (dtype, shape, data) in given.items():
        request.inputs[name].CopyFrom(tensor_pb2.Tensor(dtype=dtype, shape=shape, data=data))
    response = executor.stub.Execute(request, timeout=60)
    assert response.outcome == compute_pb2.OUTCOME_OK, response
    return response


def refused(executor: Served, algorithm: str, given: Given, **parameters: Any) -> dict[str, str]:
    """The fields that an INVALID_ARGUMENT names."""
    with pytest.raises(grpc.RpcError) as caught:
        ask(executor, algorithm, given, **parameters)
    status = rpc_status.from_call(caught.value)  # type: ignore[arg-type]
    assert status is not None
    assert status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    bad = error_details_pb2.BadRequest()
    assert any(detail.Unpack(bad) for detail in status.details)
    return {each.field: each.description for each in bad.field_violations}


def test_a_picture_as_a_file_and_as_rows_has_the_same_labels(executor: Served) -> None:
    response = ask(executor, "classify_image", ONE, top_k=2)
    result = json.loads(response.result)
    assert (result["model"], result["model_version"]) == ("seeing", "1")
    (image,) = result["images"]
    assert image["input"] == "image"
    first, second = image["labels"]
    assert first["score"] >= second["score"] > 0
    assert LABELS[str(first["index"])] == first["label"]
    assert not response.outputs
    rows: Given = {"image": (UINT8, (20, 30, 3), rgb(20, 30))}
    assert json.loads(ask(executor, "classify_image", rows, top_k=2).result) == result
    whole = json.loads(ask(executor, "classify_image", rows).result)["images"][0]["labels"]
    assert math.isclose(sum(each["score"] for each in whole), 1, abs_tol=1e-6)


def test_many_pictures_are_answered_in_their_order(executor: Served) -> None:
    given: dict[str, Any] = {f"image.{i}": (BYTES, (), png(10 + i, 12)) for i in (10, 2, 1)}
    given["image"] = (UINT8, (3, 9, 9, 3), rgb(27, 9))
    response = ask(executor, "classify_image", given, features=True)
    names = [each["input"] for each in json.loads(response.result)["images"]]
    assert names == ["image"] * 3 + ["image.1", "image.2", "image.10"]
    features = response.outputs["features"]
    assert list(features.shape) == [6, 16]
    alone = ask(executor, "classify_image", {"image": given["image.2"]}, features=True)
    one = array("f", alone.outputs["features"].data)
    both = zip(one, array("f", features.data)[4 * 16 : 5 * 16], strict=True)
    assert max(abs(a - b) for a, b in both) < 1e-5


def test_texts_and_pictures(executor: Served) -> None:
    texts = ["a cat", "a dog"]
    response = ask(executor, "image_text", ONE, texts=texts)
    result = json.loads(response.result)
    (image,) = result["images"]
    assert sorted(each["text"] for each in image["texts"]) == texts
    assert math.isclose(sum(each["score"] for each in image["texts"]), 1, abs_tol=1e-6)
    assert not response.outputs
    filled = json.loads(ask(executor, "image_text", ONE, texts=texts, template="{} up").result)
    assert filled["images"] != result["images"]
    for given, more, name in ((ONE, {}, "image"), ({}, {"texts": ["a cat"]}, "text")):
        outputs = ask(executor, "image_text", given, **more).outputs
        assert list(outputs) == [f"{name}_embeddings"]
        vector = array("f", outputs[f"{name}_embeddings"].data)
        assert len(vector) == result["dimensions"] == 12
        assert math.isclose(math.hypot(*vector), 1, abs_tol=1e-5)
    long = json.loads(ask(executor, "image_text", {}, texts=["cat " * 20, "dog"]).result)
    assert long["truncated"] == 1


WHOLE = png(20, 30)
BAD: dict[str, tuple[Given, str, str]] = {
    "text": ({"image": (BYTES, (), b"no picture.png")}, "inputs.image", "a PNG, JPEG or WebP"),
    "cut off": ({"image": (BYTES, (), WHOLE[: len(WHOLE) // 2])}, "inputs.image", "a whole PNG"),
    "too large": (
        {"image": (BYTES, (), png(10_000, 10_000, b""))},
        "inputs.image",
        "10000 by 10000 given, at most 50000000 pixels are read",
    ),
    "empty file": ({"image": (BYTES, (0,), b"")}, "inputs.image.shape[0]", "1 or more"),
    "no rows": ({"image": (UINT8, (0, 4, 3), b"")}, "inputs.image.shape[0]", "1 or more"),
    "grey": ({"image": (UINT8, (4, 4, 1), bytes(16))}, "inputs.image.shape", "[4, 4, 1]"),
    "floats": (
        {"image": (tensor_pb2.DATA_TYPE_FLOAT32, (1, 1, 3), bytes(12))},
        "inputs.image.dtype",
        "one of bytes, uint8, not float32",
    ),
    "more floats": (
        {**ONE, "image.1": (tensor_pb2.DATA_TYPE_FLOAT32, (1, 1, 3), bytes(12))},
        "inputs.image.1.dtype",
        "BYTES",
    ),
    "another name": ({**ONE, "picture": (BYTES, (), WHOLE)}, "inputs.picture", "image.1"),
    "too many": (
        {"image": (UINT8, (65, 1, 1, 3), bytes(195))}, "inputs.image.shape[0]", "at most 64"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_picture_is_named(executor: Served, case: str) -> None:
    given, field, expected = BAD[case]
    fields = refused(executor, "classify_image", given)
    assert expected in fields[field], fields


def test_other_bad_requests_are_named(executor: Served) -> None:
    assert "required" in refused(executor, "classify_image", {})["inputs.image"]
    assert "parameters.top_k" in refused(executor, "classify_image", ONE, top_k=0)
    assert "parameters.texts" in refused(executor, "image_text", {})
    assert "parameters.template" in refused(executor, "image_text", ONE, texts=["a"], template="x")
    narrow: Given = {"image": (UINT8, (1, 2_000_000, 3), bytes(6_000_000))}
    found = refused(executor, "image_text", narrow)
    assert found == {"inputs.image": "a picture less narrow than 2000000 by 1"}


def test_a_model_that_does_not_fit_is_refused_in_words(executor: Served, models: Path) -> None:
    put(models / "torn", vit(num_attention_heads=5))
    assert "5 heads do not divide 16" in executor.state("torn", REFUSED).detail
    put(models / "other", vit(model_type="swin"))
    assert "classify_image by vit, dinov2, resnet" in executor.state("other", REFUSED).detail


def test_memory_returns_to_its_level(executor: Served) -> None:
    large: Given = {"image": (BYTES, (), png(3000, 3000, rgb(1, 3000) * 3000))}
    ask(executor, "classify_image", large)
    level = resident(executor.pid)
    for _ in range(8):
        ask(executor, "classify_image", large)
    assert resident(executor.pid) - level < 40 << 20


def test_a_folder_without_its_processors_file_is_not_whole(tmp_path: Path) -> None:
    files = vit()
    folder = put(tmp_path / "seeing", files)
    assert (derive(folder).task, derive(folder).family) == ("classify_image", "vit")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(Incomplete, match=r"preprocessor_config\.json is missing"):
        derive(folder)
    folder = put(tmp_path / "fitting", clip())
    assert "processor_config.json" in [file.path for file in derive(folder).files]


def test_a_call_stops_between_pictures(tmp_path: Path, pool: Pool) -> None:
    folder = put(tmp_path / "seeing", vit())
    manifest = json.loads(derive(folder).dump())
    runner = MlRunner({"folder": str(folder), "manifest": manifest})
    data = memoryview(png(400, 400))
    request = compute_pb2.ComputeRequest(
        algorithm="ml.classify_image@1", limits=compute_pb2.Limits(run_time_ms=60_000)
    )
    inputs = {f"image.{i}": TensorView(BYTES, (), data) for i in range(1, 33)}
    call = Call(pool, request, {}, inputs, False)
    assert runner.run(call).outcome == compute_pb2.OUTCOME_OK
    pool.deadline = time.monotonic() + 0.002
    assert runner.run(call).outcome == compute_pb2.OUTCOME_TIMEOUT
    pool.cancelled.set()
    assert runner.run(call).outcome == compute_pb2.OUTCOME_CANCELLED

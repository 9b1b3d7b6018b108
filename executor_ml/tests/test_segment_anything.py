"""`ml.segment_anything` over a model that is dropped in, and at its edges.

What it computes is held against transformers in crate/tests/sam_reference.rs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Pool
from edgemesh.compute.v1 import compute_pb2, tensor_pb2
from made import put
from made_golden import model
from made_pictures import png, rgb
from served import REFUSED, SERVING, Served, resident, served
from test_pictures import Given, ask, refused

from edgemesh_executor_ml.derive import derive
from edgemesh_executor_ml.runner import MlRunner
from mesh_service.executor import Call, TensorView

BYTES, UINT8 = tensor_pb2.DATA_TYPE_BYTES, tensor_pb2.DATA_TYPE_UINT8
ONE: Given = {"image": (BYTES, (), png(20, 30))}
POINT: dict[str, Any] = {"points": [[4, 5]]}
BOX: dict[str, Any] = {"box": [1, 2, 25, 15]}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def executor(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(models, tmp_path_factory.mktemp("cache")) as running:
        put(models / "cutting", model("sam", "windows"))
        running.state("cutting", SERVING)
        yield running


def masks(response: compute_pb2.ComputeResponse) -> tuple[list[int], bytes]:
    told = response.outputs["masks"]
    assert set(told.data) <= {0, 1}
    return list(told.shape), told.data


def test_each_prompt_has_masks_of_the_pictures_size(executor: Served) -> None:
    response = ask(executor, "segment_anything", ONE, prompts=[POINT, BOX])
    result = json.loads(response.result)
    assert (result["model"], result["width"], result["height"]) == ("cutting", 30, 20)
    assert [len(scores) for scores in result["scores"]] == [3, 3]
    shape, both = masks(response)
    assert shape == [2, 3, 20, 30]
    rows: Given = {"image": (UINT8, (20, 30, 3), rgb(20, 30))}
    shape, second = masks(ask(executor, "segment_anything", rows, prompts=[BOX]))
    assert shape == [1, 3, 20, 30]
    assert second == both[len(both) // 2 :]
    single = ask(executor, "segment_anything", ONE, prompts=[POINT], multimask=False)
    assert masks(single)[0] == [1, 1, 20, 30]


def test_a_label_says_whether_the_thing_is_there(executor: Served) -> None:
    def scores(**more: Any) -> list[list[float]]:
        prompts = [{"points": [[4, 5], [20, 9]], **more}]
        return json.loads(ask(executor, "segment_anything", ONE, prompts=prompts).result)["scores"]

    assert scores() == scores(labels=[1, 1])
    assert scores() != scores(labels=[1, 0])
    assert scores() != scores(box=[0, 0, 30, 20])


BAD: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "none": ([], "parameters.prompts", ""),
    "empty": ([{}], "parameters.prompts[0]", ""),
    "three numbers": ([{"points": [[1, 2, 3]]}], "parameters.prompts[0].points[0]", ""),
    "a label too many": (
        [POINT, {"points": [[1, 2]], "labels": [1, 0]}],
        "parameters.prompts[1].labels",
        "as many as points, 1, not 2",
    ),
    "labels of a box": (
        [BOX | {"labels": [1]}], "parameters.prompts[0].labels", "as many as points, 0, not 1"
    ),
    "another label": ([POINT | {"labels": [2]}], "parameters.prompts[0].labels[0]", ""),
    "outside": (
        [{"points": [[1, 2], [31, 2]]}],
        "parameters.prompts[0].points[1]",
        "within 30 by 20, not 31, 2",
    ),
    "turned": (
        [{"box": [9, 2, 4, 5]}],
        "parameters.prompts[0].box",
        "left, top, right, bottom within 30 by 20, not [9, 2, 4, 5]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_with_a_prompt_is_named(executor: Served, case: str) -> None:
    prompts, field, expected = BAD[case]
    found = refused(executor, "segment_anything", ONE, prompts=prompts)
    assert field in found, found
    assert expected in found[field]


def test_what_is_wrong_with_a_picture_is_named(executor: Served) -> None:
    assert "inputs.image" in refused(executor, "segment_anything", {}, prompts=[POINT])
    text: Given = {"image": (BYTES, (), b"no picture")}
    assert "a PNG" in refused(executor, "segment_anything", text, prompts=[POINT])["inputs.image"]
    two: Given = {"image": (UINT8, (2, 9, 9, 3), rgb(18, 9))}
    found = refused(executor, "segment_anything", two, prompts=[POINT])
    assert found == {"inputs.image": "one picture, not 2"}


def test_memory_is_bounded_and_returns(executor: Served) -> None:
    large: Given = {"image": (BYTES, (), png(1000, 1000, rgb(1, 1000) * 1000))}
    found = refused(executor, "segment_anything", large, prompts=[POINT] * 256)
    assert "masks of 256 are 768000000 bytes" in found["parameters.prompts"]
    ask(executor, "segment_anything", large, prompts=[POINT])
    level = resident(executor.pid)
    for _ in range(4):
        ask(executor, "segment_anything", large, prompts=[POINT])
    assert resident(executor.pid) - level < 40 << 20


def test_a_model_that_does_not_fit_is_refused_in_words(executor: Served, models: Path) -> None:
    put(models / "torn", model("sam", "plain", model_type="sam2"))
    assert "segment_anything by sam" in executor.state("torn", REFUSED).detail
    files = model("sam", "plain")
    config = json.loads(files["config.json"])
    config["mask_decoder_config"]["num_multimask_outputs"] = 4
    put(models / "more", files | {"config.json": json.dumps(config).encode()})
    assert "num_multimask_outputs must be 3" in executor.state("more", REFUSED).detail


def test_a_call_stops_within_its_prompts(tmp_path: Path, pool: Pool) -> None:
    folder = put(tmp_path / "cutting", model("sam", "windows"))
    manifest = json.loads(derive(folder).dump())
    runner = MlRunner({"folder": str(folder), "manifest": manifest})
    request = compute_pb2.ComputeRequest(
        algorithm="ml.segment_anything@1",
        limits=compute_pb2.Limits(run_time_ms=60_000, memory_bytes=1 << 30),
    )
    inputs = {"image": TensorView(BYTES, (), memoryview(png(200, 200)))}
    call = Call(pool, request, {"prompts": [POINT] * 64}, inputs, False)
    assert runner.run(call).outcome == compute_pb2.OUTCOME_OK

    def end() -> None:
        """Time is over with the first of 64 prompts."""
        pool.deadline = time.monotonic()

    pool.events.clear()
    pool.on_event = end
    assert runner.run(call).outcome == compute_pb2.OUTCOME_TIMEOUT
    assert len(pool.events) == 1
    pool.cancelled.set()
    assert runner.run(call).outcome == compute_pb2.OUTCOME_CANCELLED

"""`ml.caption_image` and `ml.answer_image` over models that are dropped in, and at their edges.

What they write is held against transformers in crate/tests/blip_reference.rs.
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
from served import REFUSED, SERVING, Served, served
from test_pictures import Given, ask, refused

from edgemesh_executor_ml.derive import derive
from edgemesh_executor_ml.runner import MlRunner
from mesh_service.executor import Call, TensorView

BYTES, UINT8 = tensor_pb2.DATA_TYPE_BYTES, tensor_pb2.DATA_TYPE_UINT8
ONE: Given = {"image": (BYTES, (), png(20, 30))}
QUESTION = "how many cat are there?"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def executor(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(models, tmp_path_factory.mktemp("cache")) as running:
        put(models / "writing", model("blip", "caption"))
        put(models / "answering", model("blip", "answer"))
        running.state("writing", SERVING)
        running.state("answering", SERVING)
        yield running


def images(response: compute_pb2.ComputeResponse) -> list[dict[str, Any]]:
    return json.loads(response.result)["images"]


def test_pictures_have_captions_in_their_order(executor: Served) -> None:
    given: dict[str, Any] = {
        "image.2": (BYTES, (), png(9, 40)),
        "image": (UINT8, (20, 30, 3), rgb(20, 30)),
    }
    response = ask(executor, "caption_image", given, max_tokens=4, prompt="a photo of")
    result = json.loads(response.result)
    assert (result["model"], result["model_version"]) == ("writing", "1")
    assert [each["input"] for each in result["images"]] == ["image", "image.2"]
    for each in result["images"]:
        assert each["text"].startswith("a photo of")
        assert 1 <= each["tokens"] <= 4
        assert each["finish_reason"] == ("length" if each["tokens"] == 4 else "stop")
    lines = [json.loads(line) for line in response.stdout.splitlines()]
    assert lines == [{key: each[key] for key in ("input", "text")} for each in result["images"]]
    alone = ask(executor, "caption_image", ONE, max_tokens=4, prompt="a photo of")
    assert images(alone) == result["images"][:1]


def test_a_question_has_an_answer_for_each_picture(executor: Served) -> None:
    given: Given = {"image": (UINT8, (2, 9, 9, 3), rgb(18, 9))}
    for beams in (1, 3):
        told = images(
            ask(executor, "answer_image", given, question=QUESTION, num_beams=beams, max_tokens=5)
        )
        assert [set(each) for each in told] == [{"input", "answer", "tokens", "finish_reason"}] * 2


def test_tokens_are_streamed_and_then_the_pictures_line(executor: Served) -> None:
    request = compute_pb2.ComputeRequest(
        algorithm="ml.caption_image", parameters=json.dumps({"max_tokens": 6})
    )
    for name in ("image", "image.1"):
        request.inputs[name].CopyFrom(tensor_pb2.Tensor(dtype=BYTES, data=png(20, 30)))
    events = list(executor.stub.ExecuteStream(request, timeout=60))
    told = images(events[-1].response)
    kinds = [
        event.WhichOneof("event") for event in events if event.WhichOneof("event") != "progress"
    ]
    one = ["token"] * told[0]["tokens"] + ["output"]
    assert kinds == [*one, *one, "response"]
    pieces = "".join(event.token.text for event in events[: told[0]["tokens"]])
    assert pieces == told[0]["text"]


def test_what_is_wrong_is_named(executor: Served) -> None:
    assert "inputs.image" in refused(executor, "caption_image", {})
    text: Given = {"image": (BYTES, (), b"no picture.png")}
    assert "a PNG, JPEG" in refused(executor, "caption_image", text)["inputs.image"]
    assert "'question' is a required" in refused(executor, "answer_image", ONE)["parameters"]
    for name, value in (("num_beams", 0), ("max_tokens", 513), ("length_penalty", 99)):
        assert f"parameters.{name}" in refused(executor, "caption_image", ONE, **{name: value})
    long = refused(executor, "caption_image", ONE, prompt="cat " * 40)
    assert long == {"parameters.prompt": "at most 32 tokens, not 42"}
    long = refused(executor, "answer_image", ONE, question="cat " * 40)
    assert long == {"parameters.question": "at most 32 tokens, not 42"}


def test_a_model_that_does_not_fit_is_refused_in_words(executor: Served, models: Path) -> None:
    put(models / "mixed", model("blip", "caption", architectures=["BlipForQuestionAnswering"]))
    assert "not those of a model for ml.answer_image" in executor.state("mixed", REFUSED).detail
    put(models / "other", model("blip", "caption", architectures=["BlipForImageTextRetrieval"]))
    assert "caption_image by blip; answer_image by blip" in executor.state("other", REFUSED).detail


def test_a_call_stops_within_a_picture_and_keeps_what_it_has(tmp_path: Path, pool: Pool) -> None:
    folder = put(tmp_path / "writing", model("blip", "caption"))
    manifest = json.loads(derive(folder).dump())
    runner = MlRunner({"folder": str(folder), "manifest": manifest})
    request = compute_pb2.ComputeRequest(
        algorithm="ml.caption_image@1", limits=compute_pb2.Limits(run_time_ms=60_000)
    )
    data = memoryview(png(30, 30))
    inputs = {f"image.{i}": TensorView(BYTES, (), data) for i in range(1, 61)}
    call = Call(pool, request, {}, inputs, False)
    whole = runner.run(call)
    assert whole.outcome == compute_pb2.OUTCOME_OK

    def end() -> None:
        """Time is over when ten pictures are done."""
        if sum(event.HasField("output") for event in pool.events) == 10:
            pool.deadline = time.monotonic()

    pool.events.clear()
    pool.on_event = end
    late = runner.run(Call(pool, request, {}, inputs, True))
    assert late.outcome == compute_pb2.OUTCOME_TIMEOUT
    kept = late.result["images"]
    assert kept == whole.result["images"][:10]
    assert len(late.stdout.splitlines()) == 10
    pool.cancelled.set()
    assert runner.run(call).outcome == compute_pb2.OUTCOME_CANCELLED

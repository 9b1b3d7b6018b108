"""`ml.vad`, and `vad` of `ml.transcribe`, on a made-up sound that silero's package has heard."""

from __future__ import annotations

import json
import shutil
import wave
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import GOLDEN, Pool, golden
from edgemesh.compute.v1 import compute_pb2, tensor_pb2
from made import put
from made_onnx import scale
from made_whisper import whisper

from edgemesh_candle import Interrupted, ModelError, Sound, SpeechDetector
from edgemesh_executor_ml import vad
from edgemesh_executor_ml.derive import derive
from edgemesh_executor_ml.manifest import load
from edgemesh_executor_ml.runner import MlRunner
from mesh_service.executor import Call, InvalidInput, Reply, TensorView

VOWELS = GOLDEN / "sound" / "vowels.wav"
TOLD = golden("vad.json")
RATE = 16_000
PLAIN: dict[str, Any] = {"temperature": 0, "logprob_threshold": None, "no_speech_threshold": None}


def opened(folder: Path) -> MlRunner:
    manifest = load(folder) if (folder / "model.json").is_file() else derive(folder)
    return MlRunner({"folder": str(folder), "manifest": json.loads(manifest.dump())})


@pytest.fixture(scope="module")
def silero(models: Path) -> Iterator[MlRunner]:
    runner = opened(models / "silero-vad")
    yield runner
    runner.close()


def call(algorithm: str, pool: Pool | None = None, **parameters: Any) -> Call:
    data = VOWELS.read_bytes()
    limits = compute_pb2.Limits(run_time_ms=60_000)
    request = compute_pb2.ComputeRequest(algorithm=f"{algorithm}@1", limits=limits)
    audio = TensorView(tensor_pb2.DATA_TYPE_BYTES, (len(data),), memoryview(data))
    return Call(pool or Pool(), request, parameters, {"audio": audio}, True)


def found(runner: MlRunner, **parameters: Any) -> Reply:
    reply = runner.run(call("ml.vad", **parameters))
    assert reply.outcome == compute_pb2.OUTCOME_OK
    return reply


def test_the_model_does_both(silero: MlRunner) -> None:
    assert [each.name for each in silero.describe()] == ["ml.onnx", "ml.vad"]


@pytest.mark.parametrize("number", range(len(TOLD["heard"])))
def test_speech_is_found_where_silero_finds_it(silero: MlRunner, number: int) -> None:
    heard = TOLD["heard"][number]
    result = found(silero, **heard["rules"]).result
    spans = [[round(each["start"] * RATE), round(each["end"] * RATE)] for each in result["spans"]]
    assert spans == heard["spans"]
    assert result["duration_s"] == pytest.approx(6.67, abs=0.01)
    total = sum(end - start for start, end in heard["spans"]) / RATE
    assert result["speech_s"] == pytest.approx(total, abs=1e-5)


def test_probabilities_are_given_where_they_are_asked_for(silero: MlRunner) -> None:
    assert not found(silero).outputs
    given = found(silero, probabilities=True).outputs["probabilities"]
    values = given.data.cast("f").tolist()
    assert given.shape == (len(values),)
    # They were computed one after another by onnxruntime, of samples that are not resampled.
    assert values == pytest.approx(TOLD["probabilities"], abs=2e-4)


def test_long_sounds_are_heard_in_parts_that_meet(models: Path) -> None:
    with wave.open(str(VOWELS)) as file:
        ints = array("h", file.readframes(file.getnframes()))
    detector = SpeechDetector(models / "silero-vad" / "sequence.onnx")

    def of(samples: array[int]) -> list[float]:
        sound = Sound.of_samples(samples.tobytes(), "int16", 1, RATE, 60, lambda: True)
        return detector.probabilities(sound, lambda: True)

    whole = ints[: len(ints) // 512 * 512]
    twice = of(whole + whole)
    assert len(twice) == 2 * len(whole) // 512
    assert twice[: len(whole) // 512] == pytest.approx(of(whole), abs=1e-6)
    assert of(array("h")) == []
    sound = Sound.of_samples(whole.tobytes(), "int16", 1, RATE, 60, lambda: True)
    with pytest.raises(Interrupted):
        detector.probabilities(sound, lambda: False)


def test_another_graph_is_no_detector(tmp_path: Path) -> None:
    (tmp_path / "sequence.onnx").write_bytes(scale())
    with pytest.raises(ModelError, match="takes other inputs than silero's network"):
        SpeechDetector(tmp_path / "sequence.onnx")


def test_it_stops_when_the_caller_has_gone(silero: MlRunner) -> None:
    pool = Pool()
    pool.cancelled.set()
    reply = silero.run(call("ml.vad", pool))
    assert reply.outcome == compute_pb2.OUTCOME_CANCELLED


def test_a_folder_that_config_json_tells_of_is_a_detector(models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("model.onnx", "sequence.onnx"):
        shutil.copy(models / "silero-vad" / name, folder)
    (folder / "config.json").write_text('{"model_type": "silero-vad"}')
    manifest = derive(folder)
    assert (manifest.task, manifest.family) == ("vad", "silero-vad")
    assert [each.path for each in manifest.files] == ["model.onnx", "sequence.onnx", "config.json"]


def test_a_transcription_hears_speech_alone(models: Path, tmp_path: Path) -> None:
    runner = opened(put(tmp_path / "models" / "made", whisper()))
    with pytest.raises(InvalidInput) as refused:
        runner.run(call("ml.transcribe", vad=True, **PLAIN))
    expected = "a model of the task vad in the models folder, and there is none"
    assert refused.value.violations == {"parameters.vad": expected}
    torn = tmp_path / "models" / "a-torn-one"
    torn.mkdir()
    (torn / "sequence.onnx").write_bytes(scale())
    with pytest.raises(InvalidInput) as refused:
        runner.run(call("ml.transcribe", vad=True, **PLAIN))
    (told,) = refused.value.violations.values()
    assert "a-torn-one: takes other inputs than silero's network" in told
    assert str(tmp_path) not in told
    # What is put there later is found, too, and past the one that cannot be opened.
    shutil.copytree(models / "silero-vad", tmp_path / "models" / "silero-vad")
    rules = {"min_silence_ms": 500, "pad_ms": 30}
    wanted = vad.spans(TOLD["probabilities"], 106_720, vad.rules(rules))
    assert len(wanted) == 2  # around a pause of 1.2 seconds
    reply = runner.run(call("ml.transcribe", vad=rules, **PLAIN))
    result = reply.result
    total = sum(each.end - each.start for each in wanted) / RATE
    assert result["speech_s"] == pytest.approx(total, abs=0.05)
    assert result["duration_s"] == pytest.approx(6.67, abs=0.01)
    assert result["segments"]
    borders = [(each.start / RATE, each.end / RATE) for each in wanted]
    for segment in result["segments"]:
        for time, side in ((segment["start"], "start"), (segment["end"], "end")):
            inside = any(a - 0.05 <= time <= b + 0.05 for a, b in borders)
            assert inside, (side, segment)
    assert max(each["end"] for each in result["segments"]) > borders[1][0]
    lines = [json.loads(line) for line in reply.stdout.splitlines()]
    assert [each["start"] for each in lines] == [each["start"] for each in result["segments"]]
    nothing = runner.run(call("ml.transcribe", vad={"threshold": 1.0}, **PLAIN)).result
    assert (nothing["text"], nothing["segments"], nothing["speech_s"]) == ("", [], 0)

"""`ml.transcribe` on a small Whisper of made-up weights: sound in every form, and at its edges."""

from __future__ import annotations

import io
import json
import math
import time
import wave
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from conftest import GOLDEN, Pool
from edgemesh.compute.v1 import compute_pb2, tensor_pb2
from made import put
from made_whisper import WINDOW_S, whisper
from served import REFUSED, SERVING, Served, served

from edgemesh_executor_ml.derive import derive
from edgemesh_executor_ml.runner import MlRunner
from edgemesh_executor_ml.transcribe import compression_ratio
from mesh_service.executor import Call, InvalidInput, Reply, TensorView

RATE = 16_000
PLAIN: dict[str, Any] = {"temperature": 0, "logprob_threshold": None}
"""Random text is unlikely, and would be written anew at every temperature."""


def tone(seconds: float, rate: int = RATE) -> array[float]:
    return array(
        "f", (0.3 * math.sin(i * 440 * math.tau / rate) for i in range(int(seconds * rate)))
    )


def wav(seconds: float, rate: int = RATE) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(array("h", (int(x * 32_767) for x in tone(seconds, rate))).tobytes())
    return file.getvalue()


def encoded(data: bytes) -> TensorView:
    return TensorView(tensor_pb2.DATA_TYPE_BYTES, (), memoryview(data))


def floats(values: array[float], *shape: int) -> TensorView:
    data = memoryview(values.tobytes())
    return TensorView(tensor_pb2.DATA_TYPE_FLOAT32, shape or (len(values),), data)


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlRunner]:
    folder = put(tmp_path_factory.mktemp("models") / "made", whisper())
    manifest = derive(folder)
    assert (manifest.task, manifest.family) == ("transcribe", "whisper")
    made = MlRunner({"folder": str(folder), "manifest": json.loads(manifest.dump())})
    yield made
    made.close()


def call(pool: Pool, audio: TensorView, memory: int = 1 << 30, **parameters: Any) -> Call:
    limits = compute_pb2.Limits(run_time_ms=60_000, memory_bytes=memory)
    request = compute_pb2.ComputeRequest(algorithm="ml.transcribe@1", limits=limits)
    return Call(pool, request, PLAIN | parameters, {"audio": audio}, True)


def run(runner: MlRunner, audio: TensorView, pool: Pool | None = None, **parameters: Any) -> Reply:
    reply = runner.run(call(pool or Pool(), audio, **parameters))
    assert reply.outcome == compute_pb2.OUTCOME_OK
    return reply


def refused(runner: MlRunner, audio: TensorView, **parameters: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        runner.run(call(Pool(), audio, **parameters))
    return caught.value.violations


def test_segments_cover_the_sound_and_are_told_as_they_come(runner: MlRunner, pool: Pool) -> None:
    reply = run(runner, encoded(wav(10)), pool, tokens=True)
    result = reply.result
    assert result["duration_s"] == 10
    assert result["language"] in {"en", "de", "fr"}
    segments = result["segments"]
    assert segments
    assert result["text"] == "".join(s["text"] for s in segments)
    starts = [s["start"] for s in segments]
    assert starts == sorted(starts)
    assert starts[-1] > WINDOW_S  # more than one window was heard
    assert all(s["start"] < s["end"] and s["text"].strip() and s["tokens"] for s in segments)
    assert all(s["avg_logprob"] < 0 and 0 < s["no_speech_prob"] < 1 for s in segments)
    assert pool.text == result["text"]
    told = [e.progress for e in pool.events if e.WhichOneof("event") == "progress"]
    lines = [e.output.text for e in pool.events if e.WhichOneof("event") == "output"]
    kept = ("start", "end", "text")
    assert list(map(json.loads, lines)) == [{key: s[key] for key in kept} for s in segments]
    assert reply.stdout == "".join(lines)
    assert told[-1].fraction == 1
    assert [p.fraction for p in told] == sorted(p.fraction for p in told)


def test_samples_and_files_of_all_formats_are_heard_alike(runner: MlRunner) -> None:
    seconds = 3.0
    ints = array("h", (int(x * 32_767) for x in tone(seconds)))
    whole = TensorView(tensor_pb2.DATA_TYPE_INT16, (len(ints),), memoryview(ints.tobytes()))
    file = run(runner, encoded(wav(seconds))).result
    assert run(runner, whole, sample_rate=RATE).result == file
    both = array("f", (x for each in tone(seconds) for x in (each, each)))
    stereo = floats(both, len(both) // 2, 2)
    mono = run(runner, floats(tone(seconds)), sample_rate=RATE).result
    assert run(runner, stereo, sample_rate=RATE).result == mono
    slow = run(runner, floats(tone(seconds, 8000)), sample_rate=8000).result
    assert slow["duration_s"] == seconds
    for kind in ("flac", "mp3", "ogg"):
        data = (GOLDEN / "sound" / f"tone.{kind}").read_bytes()
        result = run(runner, encoded(data)).result
        assert result["duration_s"] == pytest.approx(0.6, abs=0.06), kind
        raw = TensorView(tensor_pb2.DATA_TYPE_UINT8, (len(data),), memoryview(data))
        assert run(runner, raw).result == result


def test_what_cannot_be_heard_is_refused_by_name(runner: MlRunner) -> None:
    assert "not 0 bytes" in refused(runner, encoded(b""))["inputs.audio"]
    text = b"minutes of the meeting, saved as speech.wav\n" * 100
    assert refused(runner, encoded(text))["inputs.audio"].startswith("WAV, FLAC, MP3 or Ogg")
    samples = tone(1)
    samples[500] = math.nan
    said = refused(runner, floats(samples), sample_rate=RATE)
    assert said == {"inputs.audio": "samples that are finite numbers"}
    assert "required" in refused(runner, floats(tone(1)))["parameters.sample_rate"]
    assert "absent" in refused(runner, encoded(wav(1)), sample_rate=RATE)["parameters.sample_rate"]
    odd = floats(tone(1), 2, 2, 4000)
    assert "not [2, 2, 4000]" in refused(runner, odd, sample_rate=RATE)["inputs.audio.shape"]
    # Memory bounds the seconds, too: 32 MiB are 209 s.
    said = refused(runner, encoded(wav(230, 1000)), memory=32 << 20)
    assert said["inputs.audio"].startswith("at most 209 seconds of sound, not 230")
    header = bytearray(wav(1))
    claimed = RATE * 2 * 36_000
    header[4:8], header[40:44] = ((claimed + n).to_bytes(4, "little") for n in (36, 0))
    said = refused(runner, encoded(bytes(header)))
    assert "not 36000 as it says" in said["inputs.audio"]


def test_language_task_and_prompt_are_heeded(runner: MlRunner) -> None:
    audio = encoded(wav(2))
    assert run(runner, audio, language="fr", task="translate").result["language"] == "fr"
    assert "de, en, fr" in refused(runner, audio, language="xx")["parameters.language"]
    said = refused(runner, audio, prompt="a <|endoftext|> b")
    assert "control tokens" in said["parameters.prompt"]
    assert "surrogates" in refused(runner, audio, prompt="\ud800")["parameters.prompt"]
    whole = run(runner, audio, timestamps="none").result["segments"]
    assert [(s["start"], s["end"]) for s in whole] == [(0, 2)]


def test_words_have_times_within_the_sound(runner: MlRunner, pool: Pool) -> None:
    reply = run(runner, encoded(wav(10)), pool, timestamps="word")
    segments = reply.result["segments"]
    words = [word for segment in segments for word in segment["words"]]
    assert len(words) > 3
    assert all(0 <= w["start"] <= w["end"] <= 10 and 0 < w["probability"] < 1 for w in words)
    assert [w["start"] for w in words] == sorted(w["start"] for w in words)
    told = [json.loads(line) for line in reply.stdout.splitlines()]
    assert [line["words"] for line in told] == [segment["words"] for segment in segments]
    assert not any("words" in s for s in run(runner, encoded(wav(10))).result["segments"])


def test_unlikely_text_is_written_anew_and_silence_passed_over(
    runner: MlRunner, pool: Pool
) -> None:
    audio = encoded(wav(2))
    twice = {"temperature": [0, 1.0], "logprob_threshold": -0.01}
    segments = run(runner, audio, **twice).result["segments"]
    assert {s["temperature"] for s in segments} == {1.0}
    assert run(runner, audio, **twice).result["segments"] == segments  # of the same seed
    easy = {"temperature": [0, 1.0], "logprob_threshold": -100, "compression_ratio_threshold": None}
    assert {s["temperature"] for s in run(runner, audio, **easy).result["segments"]} == {0}
    nothing = {"no_speech_threshold": 0, "logprob_threshold": -0.01}
    result = run(runner, audio, pool, **nothing).result
    assert (result["text"], result["segments"]) == ("", [])
    assert pool.events[-1].progress.fraction == 1
    assert compression_ratio("ha " * 100) > 2.4 > compression_ratio("all good things")


def test_a_short_or_silent_sound_is_no_error(runner: MlRunner) -> None:
    assert run(runner, encoded(wav(0.005))).result["segments"] == []
    silence = floats(array("f", bytes(4 * RATE)))
    assert run(runner, silence, sample_rate=RATE).result["duration_s"] == 1


@pytest.mark.parametrize("way", ["deadline", "caller"])
def test_what_there_is_at_the_end_of_time_is_kept(runner: MlRunner, pool: Pool, way: str) -> None:
    """The end comes with the first segment of many."""

    def end() -> None:
        if way == "caller":
            pool.cancelled.set()
        pool.deadline = time.monotonic()

    pool.on_event = end
    request = call(pool, encoded(wav(60)))
    # The run reads its deadline once.
    if way == "deadline":
        pool.deadline = time.monotonic() + 0.3
        pool.on_event = lambda: time.sleep(0.01)
    reply = runner.run(request)
    kind = {"deadline": compute_pb2.OUTCOME_TIMEOUT, "caller": compute_pb2.OUTCOME_CANCELLED}[way]
    assert reply.outcome == kind
    assert reply.result["duration_s"] == 60
    last = max((s["end"] for s in reply.result["segments"]), default=0)
    assert last < 60
    if way == "caller":
        assert reply.result["segments"]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


@pytest.fixture
def executor(models: Path, tmp_path: Path) -> Iterator[Served]:
    with served(models, tmp_path / "cache") as running:
        yield running


def test_the_front_serves_a_folder(executor: Served, models: Path) -> None:
    put(models / "made", whisper())
    put(models / "nothing", whisper() | {"generation_config.json": b"[]"})
    put(models / "other", whisper(architectures=["WhisperForAudioClassification"]))
    put(models / "wide", whisper(num_mel_bins=128))
    told = executor.state("made", SERVING)
    assert list(told.algorithms) == ["ml.transcribe@1"]
    assert "generation_config.json" in executor.state("nothing", REFUSED).detail
    assert "a model by whisper is not supported" in executor.state("other", REFUSED).detail
    assert "feature_size 80 is not supported; 128 is" in executor.state("wide", REFUSED).detail
    request = compute_pb2.ComputeRequest(
        algorithm="ml.transcribe", parameters=json.dumps(PLAIN | {"model": "made"})
    )
    audio = request.inputs["audio"]
    audio.dtype, audio.media_type, audio.data = tensor_pb2.DATA_TYPE_BYTES, "audio/wav", wav(2)
    response = executor.stub.Execute(request, timeout=60)
    assert response.outcome == compute_pb2.OUTCOME_OK, response
    result = json.loads(response.result)
    assert result["segments"]
    assert (result["model"], result["model_version"]) == ("made", "1")
    audio.data = b"no sound"
    with pytest.raises(grpc.RpcError) as caught:
        executor.stub.Execute(request, timeout=60)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "inputs.audio" in str(caught.value.trailing_metadata())

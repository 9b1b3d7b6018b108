"""`ml.transcribe`: speech to text with times, told segment by segment.

Rules: 30 seconds are heard at a time, and the next window begins where the text of the last one
ends; a window whose text repeats itself or is unlikely is written anew at the next temperature, and
one that is silence is passed over, as in OpenAI's reference. Between tokens, and between layers
while a window is heard, the call looks at its deadline and at its caller; the segments there are
until then are kept in the reply.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable
from typing import Any

from edgemesh.compute.v1 import tensor_pb2

from edgemesh_candle import (
    Attempt,
    Interrupted,
    NumericError,
    ParameterError,
    Segment,
    Sound,
    SoundExpected,
    Transcriber,
    Transcription,
)
from edgemesh_executor_ml.manifest import Manifest
from edgemesh_executor_ml.stopped import stopped
from edgemesh_executor_ml.transcribe_schema import (
    COMPRESSION_RATIO,
    LOGPROB,
    MOST_SECONDS,
    NO_SPEECH,
    TEMPERATURES,
)
from mesh_service.executor import AlgorithmFailure, Call, InvalidInput, Reply, TensorView

_SECOND_BYTES = 160_000
"""Memory that a second of sound takes: its samples and its spectrogram, and some room."""
_ENCODED = (tensor_pb2.DATA_TYPE_BYTES, tensor_pb2.DATA_TYPE_UINT8)
_SAMPLES = {tensor_pb2.DATA_TYPE_FLOAT32: "float32", tensor_pb2.DATA_TYPE_INT16: "int16"}
_MOST_CHANNELS = 64
_DIGITS = 6


def run(call: Call, manifest: Manifest, transcriber: Transcriber) -> Reply:
    """Transcribe one sound. Raises InvalidInput, AlgorithmFailure."""
    progress = _Progress(call, manifest)
    going = _going(call)
    try:
        sound = _sound(call, going)
        progress.seconds = sound.seconds
        _transcribe(call, transcriber, sound, progress, going)
    except Interrupted:
        reply = stopped(call, progress.result)
        if reply is None:
            raise
        reply.stdout = progress.lines
        return reply
    except NumericError as error:
        raise AlgorithmFailure("NumericError", str(error)) from error
    return Reply(result=progress.result(), stdout=progress.lines)


def _going(call: Call) -> Callable[[], bool]:
    cancelled, deadline = call.cancelled, call.deadline
    return lambda: not cancelled.is_set() and time.monotonic() < deadline


def _sound(call: Call, going: Callable[[], bool]) -> Sound:
    audio = call.inputs["audio"]
    most = MOST_SECONDS
    if call.limits.memory_bytes:
        most = min(most, max(1, call.limits.memory_bytes // _SECOND_BYTES))
    rate = call.parameters.get("sample_rate")
    try:
        if audio.dtype in _ENCODED:
            if rate is not None:
                raise InvalidInput({"parameters.sample_rate": "absent: the file says its own"})
            return Sound.decode(audio.data, most, going)
        if rate is None:
            raise InvalidInput({"parameters.sample_rate": "required where audio is samples"})
        channels = _channels(audio)
        dtype = _SAMPLES[tensor_pb2.DataType.ValueType(audio.dtype)]
        return Sound.of_samples(audio.data, dtype, channels, int(rate), most, going)
    except SoundExpected as error:
        raise InvalidInput({"inputs.audio": error.expected}) from error


def _channels(audio: TensorView) -> int:
    match audio.shape:
        case (_,):
            return 1
        case (_, channels) if 1 <= channels <= _MOST_CHANNELS:
            return channels
        case _:
            expected = f"[samples], or [samples, channels] of at most {_MOST_CHANNELS} channels"
            raise InvalidInput({"inputs.audio.shape": f"{expected}, not {list(audio.shape)}"})


def _transcribe(
    call: Call,
    transcriber: Transcriber,
    sound: Sound,
    progress: _Progress,
    going: Callable[[], bool],
) -> None:
    """All windows. Raises Interrupted, NumericError, InvalidInput."""
    task = call.parameters.get("task")
    try:
        job = transcriber.start(
            sound,
            going,
            language=call.parameters.get("language"),
            translate=None if task is None else task == "translate",
            timestamps=call.parameters.get("timestamps", "segment") == "segment",
            prompt=call.parameters.get("prompt"),
            condition=call.parameters.get("condition_on_previous_text", True),
            seed=int(call.parameters.get("seed", 0)),
        )
    except ParameterError as error:
        known = ", ".join(transcriber.languages) or "none, it knows English alone"
        there_are = f"; there are: {known}" if error.name == "language" else ""
        raise InvalidInput({f"parameters.{error.name}": error.expected + there_are}) from error
    except UnicodeEncodeError as error:
        raise InvalidInput({"parameters.prompt": "no unpaired surrogates"}) from error
    thresholds = _Thresholds(call)
    while job.listen(going):
        progress.language = job.language
        attempt, temperature = _written(job, thresholds, going)
        if thresholds.silent(attempt):
            job.skip()
            call.progress(job.fraction)
            continue
        for segment in job.keep():
            progress.add(segment, attempt, temperature)
        call.progress(job.fraction)
    progress.language = job.language


def _written(
    job: Transcription, thresholds: _Thresholds, going: Callable[[], bool]
) -> tuple[Attempt, float]:
    """A window's text: the first that is good enough, or the last."""
    used, *others = thresholds.temperatures
    attempt = job.attempt(used, going)
    for temperature in others:
        if thresholds.fits(attempt):
            break
        used = temperature
        attempt = job.attempt(used, going)
    return attempt, used


class _Thresholds:
    """When a text is written anew, and when it is none."""

    def __init__(self, call: Call) -> None:
        get = call.parameters.get
        told: float | list[float] = get("temperature", list(TEMPERATURES))
        self.temperatures = list(map(float, told)) if isinstance(told, list) else [float(told)]
        self.ratio: float | None = get("compression_ratio_threshold", COMPRESSION_RATIO)
        self.logprob: float | None = get("logprob_threshold", LOGPROB)
        self.no_speech: float | None = get("no_speech_threshold", NO_SPEECH)

    def fits(self, attempt: Attempt) -> bool:
        """Whether it needs no other temperature."""
        unlikely = self.logprob is not None and attempt.avg_logprob < self.logprob
        if unlikely and self.no_speech is not None and attempt.no_speech_prob > self.no_speech:
            return True  # silence is unlikely as a text
        repeats = self.ratio is not None and compression_ratio(attempt.text) > self.ratio
        return not unlikely and not repeats

    def silent(self, attempt: Attempt) -> bool:
        """Whether nothing is said: it sounds so, and the text is not likely nevertheless."""
        if self.no_speech is None or attempt.no_speech_prob <= self.no_speech:
            return False
        return self.logprob is None or attempt.avg_logprob <= self.logprob


def compression_ratio(text: str) -> float:
    """How much shorter zlib makes a text; high where it repeats itself."""
    data = text.encode()
    return len(data) / len(zlib.compress(data))


class _Progress:
    """What a transcription has come to."""

    def __init__(self, call: Call, model: Manifest) -> None:
        self._call, self._model = call, model
        self._tokens: bool = call.parameters.get("tokens", False)
        self._segments: list[dict[str, Any]] = []
        self.seconds = 0.0
        self.language: str | None = None
        self.lines = ""
        """What was told on stdout."""

    def add(self, segment: Segment, attempt: Attempt, temperature: float) -> None:
        """Take a segment and tell of it: its tokens, then a line of stdout with its times.

        Progress would not do: where a caller reads slowly, only the newest is kept.
        """
        told: dict[str, Any] = {
            "start": round(segment.start, _DIGITS),
            "end": round(segment.end, _DIGITS),
            "text": segment.text,
            "avg_logprob": round(attempt.avg_logprob, _DIGITS),
            "compression_ratio": round(compression_ratio(attempt.text), _DIGITS),
            "no_speech_prob": round(attempt.no_speech_prob, _DIGITS),
            "temperature": temperature,
        }
        self._segments.append(told | ({"tokens": segment.tokens} if self._tokens else {}))
        for id, text, logprob in segment.pieces:
            self._call.token(text, id, logprob)
        line = f"{json.dumps({key: told[key] for key in ('start', 'end', 'text')})}\n"
        self.lines += line
        self._call.output("stdout", line)

    def result(self) -> dict[str, Any]:
        """The result as it stands."""
        return {
            "text": "".join(segment["text"] for segment in self._segments),
            "language": self.language,
            "duration_s": round(self.seconds, _DIGITS),
            "segments": self._segments,
            "model": self._model.name,
            "model_version": self._model.version,
        }

"""`ml.transcribe`: speech to text with times, told segment by segment.

Rules: 30 seconds are heard at a time, and the next window begins where the text of the last one
ends; a window whose text repeats itself or is unlikely is written anew at the next temperature, and
one that is silence is passed over, as in OpenAI's reference. Where `vad` is told only the speech in
it is heard, and times are those of the whole sound. Between tokens, and between layers
while a window is heard, the call looks at its deadline and at its caller; the segments there are
until then are kept in the reply.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from threading import Lock
from typing import Any

from edgemesh_candle import (
    Attempt,
    Interrupted,
    NumericError,
    ParameterError,
    Segment,
    Sound,
    SpeechDetector,
    Transcriber,
    Transcription,
)
from edgemesh_executor_ml import sounds, vad
from edgemesh_executor_ml.cut import Cut
from edgemesh_executor_ml.manifest import Manifest, Unusable
from edgemesh_executor_ml.sounds import Going
from edgemesh_executor_ml.stopped import going as may_go
from edgemesh_executor_ml.stopped import interrupted
from edgemesh_executor_ml.transcribe_schema import (
    COMPRESSION_RATIO,
    LOGPROB,
    NO_SPEECH,
    TEMPERATURES,
    VAD,
)
from mesh_service.executor import AlgorithmFailure, Call, InvalidInput, Reply

_DIGITS = 6
_LINE = ("start", "end", "text", "words")
"""What a line of stdout tells of a segment."""


def run(call: Call, manifest: Manifest, listener: Listener) -> Reply:
    """Transcribe one sound. Raises InvalidInput, AlgorithmFailure."""
    progress = _Progress(call, manifest)
    going = may_go(call)
    try:
        sound = sounds.read(call, going)
        progress.seconds = sound.seconds
        progress.cut = listener.cut(call, sound, going)
        if progress.cut is not None:
            sound = progress.cut.of(sound)
        if sound.samples or progress.cut is None:
            _transcribe(call, listener.transcriber, sound, progress, going)
    except Interrupted as error:
        reply = interrupted(call, error, progress.result)
        reply.stdout = progress.lines
        return reply
    except NumericError as error:
        raise AlgorithmFailure("NumericError", str(error)) from error
    return Reply(result=progress.result(), stdout=progress.lines)


class Listener:
    """A model that hears, and what finds the speech for it where a call asks for that."""

    def __init__(
        self, transcriber: Transcriber, detector: Callable[[], SpeechDetector | None]
    ) -> None:
        self.transcriber, self._find = transcriber, detector
        self._detector: SpeechDetector | None = None
        self._turn = Lock()

    def cut(self, call: Call, sound: Sound, going: Going) -> Cut | None:
        """What is to be heard of a sound; None: all. Raises InvalidInput, Interrupted."""
        told: bool | dict[str, float] = call.parameters.get("vad", False)
        if told is False:
            return None
        try:
            with self._turn:  # the first that is found is kept
                detector = self._detector = self._detector or self._find()
        except Unusable as error:
            expected = f"a model of the task vad that can be opened: {error}"
            raise InvalidInput({"parameters.vad": expected}) from error
        if detector is None:
            expected = "a model of the task vad in the models folder, and there is none"
            raise InvalidInput({"parameters.vad": expected})
        chosen = {} if told is True else told
        return Cut(vad.heard(detector, sound, VAD | chosen, going))


def _transcribe(
    call: Call,
    transcriber: Transcriber,
    sound: Sound,
    progress: _Progress,
    going: Going,
) -> None:
    """All windows. Raises Interrupted, NumericError, InvalidInput."""
    task = call.parameters.get("task")
    try:
        job = transcriber.start(
            sound,
            going,
            language=call.parameters.get("language"),
            translate=None if task is None else task == "translate",
            timestamps=call.parameters.get("timestamps", "segment") != "none",
            words=call.parameters.get("timestamps") == "word",
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
        for segment in job.keep(going):
            progress.add(segment, attempt, temperature)
        call.progress(job.fraction)
    progress.language = job.language


def _written(job: Transcription, thresholds: _Thresholds, going: Going) -> tuple[Attempt, float]:
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
        self._words: bool = call.parameters.get("timestamps") == "word"
        self._segments: list[dict[str, Any]] = []
        self.seconds = 0.0
        self.cut: Cut | None = None
        """What is heard of the sound, where that is not all."""
        self.language: str | None = None
        self.lines = ""
        """What was told on stdout."""

    def add(self, segment: Segment, attempt: Attempt, temperature: float) -> None:
        """Take a segment and tell of it: its tokens, then a line of stdout with its times.

        Progress would not do: where a caller reads slowly, only the newest is kept.
        """
        told: dict[str, Any] = {
            **self._times(segment.start, segment.end),
            "text": segment.text,
            "avg_logprob": round(attempt.avg_logprob, _DIGITS),
            "compression_ratio": round(compression_ratio(attempt.text), _DIGITS),
            "no_speech_prob": round(attempt.no_speech_prob, _DIGITS),
            "temperature": temperature,
        }
        if self._words:
            told["words"] = [
                {"word": word, **self._times(start, end), "probability": round(likely, _DIGITS)}
                for word, start, end, likely in segment.words
            ]
        self._segments.append(told | ({"tokens": segment.tokens} if self._tokens else {}))
        for id, text, logprob in segment.pieces:
            self._call.token(text, id, logprob)
        line = f"{json.dumps({key: told[key] for key in _LINE if key in told})}\n"
        self.lines += line
        self._call.output("stdout", line)

    def _times(self, start: float, end: float) -> dict[str, float]:
        """Of the whole sound."""
        if self.cut is not None:
            start, end = self.cut.start(start), self.cut.end(end)
        return {"start": round(start, _DIGITS), "end": round(end, _DIGITS)}

    def result(self) -> dict[str, Any]:
        """The result as it stands."""
        return {
            "text": "".join(segment["text"] for segment in self._segments),
            "language": self.language,
            "duration_s": round(self.seconds, _DIGITS),
            **({} if self.cut is None else {"speech_s": round(self.cut.seconds, _DIGITS)}),
            "segments": self._segments,
            "model": self._model.name,
            "model_version": self._model.version,
        }

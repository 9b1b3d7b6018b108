"""`ml.vad`: where in a sound somebody speaks, by silero's network.

Rules: a sound is read as `ml.transcribe` reads it; between evaluations of the network, four seconds
each, the call looks at its deadline and at its caller. The same spans are what `ml.transcribe`
hears where `vad` is told.
"""

from __future__ import annotations

import json
import logging
import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2, tensor_pb2

from edgemesh_candle import (
    CandleError,
    Interrupted,
    ModelError,
    OnnxNodeError,
    Sound,
    SpeechDetector,
)
from edgemesh_executor_ml import sounds
from edgemesh_executor_ml.manifest import Manifest, Unusable
from edgemesh_executor_ml.spans import RATE, WINDOW, Rules, Span, spans
from edgemesh_executor_ml.stopped import going as may_go
from edgemesh_executor_ml.stopped import interrupted
from mesh_service import logs
from mesh_service.executor import AlgorithmFailure, Call, Reply, TensorView

NAME = "ml.vad"
FILE = "sequence.onnx"
"""Silero's network over sequences of windows, beside the one that ml.onnx serves."""
_DIGITS = 6


def open_detector(folder: Path) -> SpeechDetector:
    """Open a folder's network, and compute with it once. Raises CandleError, Unusable."""
    detector = SpeechDetector(folder / FILE)
    silence = Sound.of_samples(bytes(4 * WINDOW), "float32", 1, RATE, 1, lambda: True)
    try:
        told = detector.probabilities(silence, lambda: True)
    except OnnxNodeError as error:
        raise Unusable(f"it cannot compute: {error}") from error
    if not all(map(math.isfinite, told)):
        raise Unusable("its weights give probabilities of what are no numbers")
    return detector


def beside(models: Path) -> SpeechDetector | None:
    """What lies in the models' folder to find speech with: the first that can be opened.

    Raises Unusable where there is one, and none that can be: why of the last, without its path.
    """
    refused: Unusable | None = None
    for folder in sorted(models.iterdir()):
        if (folder / FILE).is_file() and not folder.name.startswith("."):
            try:
                return open_detector(folder)
            except (CandleError, Unusable) as error:
                why = error.reason if isinstance(error, ModelError) else str(error)
                refused = Unusable(f"{folder.name}: {why}")
                logs.event("no speech is found with it", level=logging.WARNING, why=str(refused))
    if refused is not None:
        raise refused
    return None


def rules_schema(told: Mapping[str, float] | None = None) -> dict[str, Any]:
    """Parameters of the rules; `told`: other defaults."""
    default = rules(told or {})

    def number(value: float | None, most: float, told: str, least: float = 0) -> dict[str, Any]:
        schema = {"type": "number", "minimum": least, "maximum": most, "description": told}
        return schema if value is None else schema | {"default": value}

    return {
        "threshold": number(default.threshold, 1, "a window so probable begins speech"),
        "min_speech_ms": number(default.min_speech_ms, 60_000, "what is no longer is none"),
        "min_silence_ms": number(default.min_silence_ms, 60_000, "what is shorter ends no speech"),
        "pad_ms": number(default.pad_ms, 10_000, "kept before and after speech"),
        "max_speech_s": number(
            None, 86_400, "what is longer is cut, at its longest pause; default: nothing is", 0.2
        ),
    }


def rules(told: Mapping[str, Any]) -> Rules:
    """Of parameters that fit their schema."""
    return Rules(
        **{each.name: float(told[each.name]) for each in fields(Rules) if each.name in told}
    )


def describe(models: Sequence[str]) -> algorithm_pb2.Algorithm:
    """The algorithm over these models, the default first."""
    parameters = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "model": {"type": "string", "enum": list(models), "default": models[0]},
            **rules_schema(),
            "sample_rate": sounds.RATE_SCHEMA,
            "probabilities": {
                "type": "boolean",
                "default": False,
                "description": "whether to give the probability of each window as a tensor",
            },
        },
    }
    number = {"type": "number"}
    span = {"start": number, "end": number}
    properties = {
        "model": {"type": "string"},
        "model_version": {"type": "string"},
        "duration_s": number,
        "speech_s": number,
        "spans": {
            "type": "array",
            "items": {"type": "object", "required": list(span), "properties": span},
            "description": "in seconds",
        },
    }
    return algorithm_pb2.Algorithm(
        name=NAME,
        version="1",
        description="Where in a sound somebody speaks: spans of speech, in seconds",
        parameters_schema=json.dumps(parameters),
        result_schema=json.dumps(
            {"type": "object", "required": list(properties), "properties": properties}
        ),
        inputs=[sounds.spec()],
        outputs=[
            algorithm_pb2.TensorSpec(
                name="probabilities",
                dtypes=[tensor_pb2.DATA_TYPE_FLOAT32],
                shape=[-1],
                allow_empty=True,
                description="of speech in each 32 ms, if probabilities is true",
            )
        ],
        idempotent=True,
        default_run_time_ms=sounds.RUN_TIME_MS,
    )


def run(call: Call, manifest: Manifest, detector: SpeechDetector) -> Reply:
    """Find the speech in one sound. Raises InvalidInput, AlgorithmFailure."""
    going = may_go(call)
    try:
        sound = sounds.read(call, going)
        probabilities = _probabilities(detector, sound, going)
    except Interrupted as error:
        return interrupted(call, error)
    found = spans(probabilities, sound.samples, rules(call.parameters))
    outputs: dict[str, TensorView] = {}
    if call.parameters.get("probabilities", False):
        data = array("f", probabilities).tobytes()
        out = call.allocate(len(data)) if data else memoryview(b"")
        out[:] = data
        shape = (len(probabilities),)
        outputs["probabilities"] = TensorView(tensor_pb2.DATA_TYPE_FLOAT32, shape, out)
    return Reply(
        result={
            "model": manifest.name,
            "model_version": manifest.version,
            "duration_s": round(sound.seconds, _DIGITS),
            "speech_s": round(sum(each.end - each.start for each in found) / RATE, _DIGITS),
            "spans": [
                {"start": round(each.start / RATE, _DIGITS), "end": round(each.end / RATE, _DIGITS)}
                for each in found
            ],
        },
        outputs=outputs,
    )


def heard(
    detector: SpeechDetector, sound: Sound, told: Mapping[str, Any], going: sounds.Going
) -> list[Span]:
    """The speech in a sound. Raises Interrupted, AlgorithmFailure."""
    return spans(_probabilities(detector, sound, going), sound.samples, rules(told))


def _probabilities(detector: SpeechDetector, sound: Sound, going: sounds.Going) -> list[float]:
    try:
        return detector.probabilities(sound, going)
    except OnnxNodeError as error:
        raise AlgorithmFailure("OnnxError", str(error)) from error

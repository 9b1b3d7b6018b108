"""The sound that a call gives: a file, or samples and their rate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2, tensor_pb2

from edgemesh_candle import Sound, SoundExpected
from mesh_service.executor import Call, InvalidInput, TensorView

MOST_SECONDS = 7200
RUN_TIME_MS = 300_000
RATE_SCHEMA: dict[str, Any] = {
    "type": "integer",
    "minimum": 1_000,
    "maximum": 384_000,
    "description": "required where audio is samples, absent where it is a file",
}
Going = Callable[[], bool]
_SECOND_BYTES = 160_000
"""Memory that a second of sound takes: its samples and its spectrogram, and some room."""
_ENCODED = (tensor_pb2.DATA_TYPE_BYTES, tensor_pb2.DATA_TYPE_UINT8)
_SAMPLES = {tensor_pb2.DATA_TYPE_FLOAT32: "float32", tensor_pb2.DATA_TYPE_INT16: "int16"}
_MOST_CHANNELS = 64


def spec() -> algorithm_pb2.TensorSpec:
    """The input `audio`."""
    return algorithm_pb2.TensorSpec(
        name="audio",
        dtypes=[*_ENCODED, *_SAMPLES],
        any_rank=True,
        required=True,
        description=(
            "the bytes of a WAV, FLAC, MP3 or Ogg Vorbis file, or samples:"
            " float32 from -1 to 1, or int16, [samples] or [samples, channels],"
            f" with sample_rate; at most {MOST_SECONDS} s"
        ),
    )


def read(call: Call, going: Going) -> Sound:
    """The sound of a call. Raises InvalidInput, Interrupted."""
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

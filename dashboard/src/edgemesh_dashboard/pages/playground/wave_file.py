"""A WAV file as samples: PCM of 8, 16, 24 or 32 bits, its channels made one."""

from __future__ import annotations

import io
import wave
from typing import Any

import numpy as np
import numpy.typing as npt

MOST_SAMPLES = 1 << 20
Samples = npt.NDArray[np.float64]


class NoWave(ValueError):
    """The file is not such a WAV."""


def read(data: bytes) -> tuple[Samples, int]:
    """Its first samples, from -1 to 1, and how many a second has. Raises NoWave."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            raw = file.readframes(min(file.getnframes(), MOST_SAMPLES))
    except (wave.Error, EOFError) as error:
        raise NoWave(f"a WAV of PCM samples is expected ({error})") from None
    samples = _numbers(raw[: len(raw) // (width * channels) * width * channels], width)
    if not samples.size:
        raise NoWave("the WAV has no samples")
    return samples.reshape(-1, channels).mean(axis=1), rate


def tone(rate: int = 8000) -> bytes:
    """A second of 440 and 880 Hz, for who has no file at hand."""
    at = np.arange(rate) / rate
    sound = 0.6 * np.sin(2 * np.pi * 440 * at) + 0.3 * np.sin(2 * np.pi * 880 * at)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((sound * 32767).astype("<i2").tobytes())
    return out.getvalue()


def _numbers(raw: bytes, width: int) -> Samples:
    if width == 1:  # the only one without a sign
        return (np.frombuffer(raw, np.uint8).astype(np.float64) - 128) / 128
    if width == 3:
        bytes3 = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        whole: npt.NDArray[Any] = np.zeros((len(bytes3), 4), np.uint8)
        whole[:, 1:] = bytes3
        return whole.view("<i4").ravel().astype(np.float64) / 2**31
    numbers = np.frombuffer(raw, f"<i{width}").astype(np.float64)
    scaled: Samples = numbers / 2 ** (8 * width - 1)
    return scaled

"""WAV files as samples, and spectra as points."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from edgemesh_dashboard.pages.playground import spectrum, wave_file


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_each_width_is_read_and_channels_are_made_one(width: int) -> None:
    half = {1: b"\xc0", 2: b"\x00\x40", 3: b"\x00\x00\x40", 4: b"\x00\x00\x00\x40"}[width]
    none = {1: b"\x80"}.get(width, b"\x00" * width)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(width)
        file.setframerate(4)
        file.writeframes((half + none) * 3)
    samples, rate = wave_file.read(out.getvalue())
    assert rate == 4
    np.testing.assert_allclose(samples, [0.25, 0.25, 0.25])


def test_what_is_no_wav_is_refused() -> None:
    with pytest.raises(wave_file.NoWave, match="a WAV of PCM samples is expected"):
        wave_file.read(b"MThd no sound")


def test_the_strongest_frequency_stays_when_points_are_thinned() -> None:
    samples, rate = wave_file.read(wave_file.tone())
    found = spectrum.spectrum(np.fft.fft(samples), rate)
    assert spectrum.strongest(found) == pytest.approx(440)
    few = spectrum.thinned(found, 100)
    assert len(few) <= 100
    assert spectrum.strongest(few) == pytest.approx(440)

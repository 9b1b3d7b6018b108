"""The spectrum of a WAV, by `cpp.fft`, drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from nicegui import events, ui

from edgemesh_dashboard.house import House
from edgemesh_dashboard.pages.heading import card
from edgemesh_dashboard.pages.notice import Notice
from edgemesh_dashboard.pages.outcome import remember
from edgemesh_dashboard.pages.playground import wave_file
from edgemesh_dashboard.pages.upload import upload
from edgemesh_dashboard.visitors import Visitor

FFT = "cpp.fft"
MOST_POINTS = 2000
_FLOOR_DB = -120.0


def build(house: House, visitor: Visitor) -> None:
    """Draw it."""

    async def given(event: events.UploadEventArguments) -> None:
        await compute(event.file.name, await event.file.read())

    async def compute(name: str, data: bytes) -> None:
        try:
            samples, rate = wave_file.read(data)
        except wave_file.NoWave as error:
            notice.say(f"{name}: {error}")
            return
        with notice.telling():
            windowed = samples * np.hanning(len(samples))
            result = await visitor.client.compute(FFT, x=windowed)
            remember(visitor, result)
            found = spectrum(np.asarray(result.value), rate)
            words.text = (
                f"{name}: {len(samples):,} samples, {rate:,} a second. "
                f"Strongest at {strongest(found):.1f} Hz."
            )
            series: Any = chart.options["series"]
            series[0]["data"] = thinned(found)
            chart.update()
            chart.visible = True

    with card("Spectrum of a sound"):
        upload(
            "A WAV file", ".wav,audio/wav", house.settings.max_upload_bytes, given, lambda: notice
        )
        tone = ui.button("Try a tone of 440 and 880 Hz", icon="music_note").props("flat no-caps")
        tone.on_click(lambda: compute("a tone", wave_file.tone()))
        notice = Notice()
        words = ui.label().props("role=status")
        chart = ui.echart(_options(), renderer="svg").classes("em-chart").style("height: 20rem")
        chart.props('role=img aria-label="Spectrum: level by frequency"')
        chart.visible = False


def spectrum(transformed: Any, rate: int) -> list[tuple[float, float]]:
    """Frequency and level in decibels below the strongest, of the first half of a transform."""
    half = np.abs(transformed[: len(transformed) // 2 + 1])
    level = 20 * np.log10(np.maximum(half / max(float(half.max()), 1e-300), 10 ** (_FLOOR_DB / 20)))
    hertz = np.arange(len(half)) * rate / len(transformed)
    return list(zip(hertz.tolist(), level.tolist(), strict=True))


def strongest(found: list[tuple[float, float]]) -> float:
    """The frequency of the highest level."""
    return max(found, key=lambda point: point[1])[0]


def thinned(found: list[tuple[float, float]], most: int = MOST_POINTS) -> list[tuple[float, float]]:
    """At most so many points: of each run of them the highest, so that no peak is lost."""
    step = -(-len(found) // most)
    runs = (found[at : at + step] for at in range(0, len(found), step))
    return [max(run, key=lambda point: point[1]) for run in runs]


def _options() -> dict[str, Any]:
    faint = {"lineStyle": {"opacity": 0.25}}
    # The axes cross at the lower left, not at 0 dB.
    axis = {"type": "value", "nameLocation": "middle", "axisLine": {"onZero": False}}
    return {
        "animation": False,
        "tooltip": {"trigger": "axis"},
        "grid": {"left": 30, "right": 16, "top": 16, "bottom": 30, "containLabel": True},
        "xAxis": axis | {"name": "Hz", "nameGap": 28, "splitLine": faint},
        "yAxis": axis | {"name": "dB", "nameGap": 40, "splitLine": faint},
        "series": [
            {"type": "line", "showSymbol": False, "data": [], "color": "#2f86e0", "name": "level"}
        ],
    }

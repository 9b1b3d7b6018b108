"""Requests a second over the last two minutes, as a chart and in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nicegui import ui

from edgemesh_dashboard.watch import KEPT, Rates


class RateChart:
    """One chart; it says its newest value in words, for who cannot see it."""

    def __init__(self) -> None:
        self._words = ui.label("Nothing measured yet.")
        self._chart = ui.echart(_options(), renderer="svg").classes("em-chart")
        self._chart.props('role=img aria-label="Requests a second"')

    def show(self, rates: Sequence[Rates]) -> None:
        """These, oldest first."""
        if not rates:
            return
        last = rates[-1]
        self._words.text = (
            f"Now {last.per_s:.1f} a second, {last.failed_per_s:.1f} of them failed. "
            "This dashboard's own calls are among them."
        )
        ago = [round(each.at - last.at, 1) for each in rates]
        series: Any = self._chart.options["series"]
        series[0]["data"] = [
            [at, round(each.per_s, 2)] for at, each in zip(ago, rates, strict=True)
        ]
        series[1]["data"] = [
            [at, round(each.failed_per_s, 2)] for at, each in zip(ago, rates, strict=True)
        ]
        self._chart.update()


def _options() -> dict[str, Any]:
    axis = {"type": "value"}
    line = {"type": "line", "showSymbol": False, "data": []}
    return {
        "animation": False,
        "grid": {"left": 8, "right": 12, "top": 34, "bottom": 8, "containLabel": True},
        "legend": {"top": 0},
        "xAxis": axis
        | {
            "min": -KEPT,
            "max": 0,
            "splitLine": {"show": False},
            "axisLabel": {"formatter": "{value} s"},
        },
        "yAxis": axis
        | {
            "min": 0,
            "minInterval": 1,
            "axisLine": {"show": False},
            "axisTick": {"show": False},
            "splitLine": {"lineStyle": {"opacity": 0.25}},
        },
        "series": [
            line | {"name": "answered", "color": "#2f86e0", "areaStyle": {"opacity": 0.15}},
            line | {"name": "failed", "color": "#d9534f", "lineStyle": {"type": "dashed"}},
        ],
    }

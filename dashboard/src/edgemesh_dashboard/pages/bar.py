"""How much of something is in use: a bar, and the same in words."""

from __future__ import annotations

from nicegui import ui


class Bar:
    """One bar."""

    def __init__(self, name: str) -> None:
        """`name`: what it measures, e.g. "slots in use"."""
        self._name = name
        self._words = ui.label()
        self._bar = ui.element("div").classes("em-bar").props("role=progressbar aria-valuemin=0")
        with self._bar:
            self._fill = ui.element("div")

    def show(self, used: int, of: int) -> None:
        """`used` of `of`."""
        share = min(1.0, used / of) if of else 0.0
        self._words.text = f"{used} of {of} {self._name}"
        self._bar.props(
            f'aria-valuemax={max(of, 1)} aria-valuenow={used} aria-label="{self._name}"'
        )
        self._fill.style(f"width: {100 * share:.0f}%")

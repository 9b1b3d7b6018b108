"""A table of records that changes while one looks.

Rules: a row has a key; rows whose content has not changed are left as they are, so that focus and
selection stay. On a narrow screen a row is a card, in which each value has its column's name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from nicegui import ui
from nicegui.element import Element

from edgemesh_dashboard.pages.heading import text

Kind = Literal["text", "code", "number", "short", "state"]
Tone = Literal["good", "warn", "bad", "soft"]

_SIGNS: dict[Tone, str] = {
    "good": "check_circle",
    "warn": "hourglass_top",
    "bad": "error",
    "soft": "radio_button_unchecked",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    label: str
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class State:
    """A word with a sign and a colour; never the colour alone."""

    word: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Action:
    """Something that can be done with a row."""

    label: str
    what: str
    """Its accessible name: the label, and of what."""
    icon: str
    run: Callable[[], Awaitable[None] | None] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Row:
    """One record."""

    key: str
    cells: tuple[str | State, ...]
    actions: tuple[Action, ...] = ()


def show_state(state: State) -> None:
    """Draw a state."""
    with ui.element("span").classes(f"em-state em-{state.tone}"):
        ui.icon(_SIGNS[state.tone]).props("aria-hidden=true")
        text("span", state.word)


class Records:
    """The table."""

    def __init__(
        self, caption: str, columns: Sequence[Column], *, empty: str, actions: bool = False
    ) -> None:
        """`empty`: what is said where there are no rows; `actions`: whether rows have any."""
        self._columns, self._actions = columns, actions
        self._drawn: dict[str, tuple[Row, Element]] = {}
        with ui.element("table").classes("em-table").props(f'role=table aria-label="{caption}"'):
            with ui.element("thead"), ui.element("tr").props("role=row"):
                for column in columns:
                    head = text("th", column.label).classes(f"em-is-{column.kind}")
                    head.props("scope=col role=columnheader")
                if actions:
                    head = text("th", "Actions").classes("em-is-acts")
                    head.props("scope=col role=columnheader")
            self._body = ui.element("tbody")
        self._empty = ui.label(empty).classes("em-soft")
        self._empty.visible = False  # whether there are rows is not known yet

    def show(self, rows: Sequence[Row]) -> None:
        """Show these, in this order."""
        wanted = {row.key: row for row in rows}
        for key in [key for key in self._drawn if key not in wanted]:
            self._drawn.pop(key)[1].delete()
        for place, (key, row) in enumerate(wanted.items()):
            known = self._drawn.get(key)
            if known is None or known[0] != row:
                if known is not None:
                    known[1].delete()
                with self._body:
                    element = self._draw(row)
                self._drawn[key] = (row, element)
            element = self._drawn[key][1]
            if self._body.default_slot.children.index(element) != place:
                element.move(target_index=place)
        self._empty.visible = not rows

    def _draw(self, row: Row) -> Element:
        line = ui.element("tr").props("role=row")
        with line:
            for column, value in zip(self._columns, row.cells, strict=True):
                cell = ui.element("td").classes(f"em-is-{column.kind}").props("role=cell")
                cell._props["data-label"] = column.label  # pyright: ignore[reportPrivateUsage]
                with cell:
                    if isinstance(value, State):
                        show_state(value)
                    else:
                        text("span", value)
            if not self._actions:
                return line
            with ui.element("td").classes("em-is-acts").props("role=cell"):
                for action in row.actions:
                    button = ui.button(action.label, icon=action.icon, on_click=action.run)
                    button.props("flat dense no-caps size=md")
                    button._props["aria-label"] = action.what  # pyright: ignore[reportPrivateUsage]
        return line

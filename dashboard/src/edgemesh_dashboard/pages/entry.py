"""A field for a line of text, whose content is never None."""

from __future__ import annotations

from nicegui import ui


class Entry:
    """One field; its label is its accessible name."""

    def __init__(self, label: str, value: str = "", *, clearable: bool = False) -> None:
        self.field = ui.input(label, value=value).classes("em-grow")
        self.field.props("outlined dense" + " clearable" * clearable)

    @property
    def text(self) -> str:
        """What is in it, without blanks around."""
        return (self.field.value or "").strip()

    @text.setter
    def text(self, said: str) -> None:
        self.field.value = said

"""A line that says what went wrong, where it did; nothing while all is well."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from nicegui import ui

from edgemesh_client import EdgemeshError
from edgemesh_dashboard.told import sentence


class Notice:
    """One place of a page for one thing to be told; a screen reader is told it too."""

    def __init__(self) -> None:
        self._label = ui.label().classes("em-notice").props("role=alert")
        self._label.visible = False
        self._fault = False

    def say(self, text: str, *, fault: bool = True) -> None:
        """Say it; empty: nothing any more."""
        self._label.classes(remove="em-note" if fault else "", add="" if fault else "em-note")
        self._label.text, self._fault = text, fault
        self._label.visible = bool(text)

    @contextmanager
    def telling(self) -> Generator[None]:
        """Tell what the mesh refuses meanwhile; a fault that was told before is taken back."""
        try:
            yield
        except (EdgemeshError, TimeoutError) as error:
            self.say(sentence(error))
        else:
            if self._fault:
                self.say("")

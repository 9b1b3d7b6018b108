"""What came of a piece of work: its outcome, value, figures and files."""

from __future__ import annotations

import base64
import reprlib

from nicegui import ui

from edgemesh_client import Blob, Outcome, Result
from edgemesh_dashboard.pages.heading import text
from edgemesh_dashboard.pages.records import State, show_state
from edgemesh_dashboard.visitors import Made, Visitor

_MOST_CHARACTERS = 20_000
_PICTURES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})


class Shown:
    """A place for one result at a time."""

    def __init__(self) -> None:
        self._place = ui.element("div").classes("em-stack").props("role=status")

    def clear(self) -> None:
        """Show none."""
        self._place.clear()

    def show(self, result: Result) -> None:
        """Show this one."""
        self.clear()
        with self._place:
            with ui.element("div").classes("em-row"):
                show_state(State(result.outcome.value, "good" if result.ok else "bad"))
                usage = result.usage
                ui.label(f"{usage.run_us / 1000:.1f} ms, {usage.queue_us / 1000:.1f} ms of waiting")
                ui.label(result.request_id).classes("em-code em-soft")
            if result.failure is not None:
                failure = result.failure
                said = failure.traceback or f"{failure.type}: {failure.message}"
                text("pre", said).classes("em-output em-bad").props("tabindex=0")
            if result.value is not None and not isinstance(result.value, Blob):
                shown = _shown(result.value)
                text("pre", shown).classes("em-output").props('tabindex=0 aria-label="Value"')
            for name, output in result.outputs.items():
                if isinstance(output, Blob):
                    _draw(name, output)


def remember(visitor: Visitor, result: Result) -> None:
    """Have it among those that were made here."""
    outcome = "OK" if result.outcome is Outcome.OK else result.outcome.value
    visitor.made.appendleft(Made(result.request_id, result.algorithm, outcome))


def _draw(name: str, output: Blob) -> None:
    if output.media_type in _PICTURES:
        picture = ui.element("img").classes("em-figure").props(f'alt="Figure {_plain(name)}"')
        data = base64.b64encode(output).decode()
        picture.props["src"] = f"data:{output.media_type};base64,{data}"
    save = ui.button(f"Save {name} ({len(output):,} bytes)", icon="download")
    save.props("flat no-caps dense").on_click(lambda: ui.download.content(bytes(output), name))


def _plain(name: str) -> str:
    return "".join(each for each in name if each.isalnum() or each in "._- ")


def _shown(value: object) -> str:
    if isinstance(value, str):
        return value[:_MOST_CHARACTERS]
    writer = reprlib.Repr()
    writer.maxdict = writer.maxlist = writer.maxtuple = writer.maxset = 200
    writer.maxstring = writer.maxother = _MOST_CHARACTERS
    return writer.repr(value)[:_MOST_CHARACTERS]

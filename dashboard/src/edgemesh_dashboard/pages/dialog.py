"""Dialogs: with a title that a screen reader says, closed by Escape."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from nicegui import ui

from edgemesh_dashboard.pages.heading import text


@contextmanager
def opened(title: str) -> Generator[ui.dialog]:
    """A dialog, to be filled and then awaited."""
    dialog = ui.dialog().props(f'aria-label="{title}"')
    # A div: Quasar lets the pointer reach no other child of its dialogs, and has only a div scroll.
    with dialog, ui.element("div").classes("em-card em-dialog"):
        with ui.element("div").classes("em-row").style("flex-wrap: nowrap"):
            text("h2", title).classes("em-grow")
            close = ui.button(icon="close", on_click=lambda: dialog.submit(None))
            close.props('flat round dense color=none aria-label="Close"')
        yield dialog
    dialog.on("hide", dialog.delete)


async def confirmed(title: str, what: str, verb: str) -> bool:
    """Whether the user says yes to what cannot be taken back."""
    with opened(title) as dialog:
        ui.label(what)
        with ui.element("div").classes("em-row"):
            ui.button(verb, on_click=lambda: dialog.submit(True)).props("no-caps color=negative")
            keep = ui.button("Keep it", on_click=lambda: dialog.submit(False))
            keep.props("flat no-caps autofocus")
    return bool(await dialog)

"""Where one tries what the mesh can do: Python, a chat, a spectrum, a picture."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui

from edgemesh_dashboard.house import House
from edgemesh_dashboard.pages.playground import chat, picture, program, spectrum
from edgemesh_dashboard.visitors import Visitor

_PARTS: tuple[tuple[str, str, Callable[[House, Visitor], None]], ...] = (
    ("Python", "code", program.build),
    ("Chat", "chat", chat.build),
    ("Spectrum", "graphic_eq", spectrum.build),
    ("Picture", "image_search", picture.build),
)


def build(house: House, visitor: Visitor) -> None:
    """Draw it."""
    with ui.tabs().props("align=left no-caps inline-label mobile-arrows") as tabs:
        made = [ui.tab(name, icon=icon) for name, icon, _ in _PARTS]
    with ui.tab_panels(tabs, value=made[0], animated=False, keep_alive=True):
        for tab, (_, _, part) in zip(made, _PARTS, strict=True):
            with ui.tab_panel(tab):
                part(house, visitor)

"""Headings and facts, as the elements that a screen reader knows."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement


def text(tag: str, said: str) -> TextElement:
    """An element of that tag with this text."""
    return TextElement(tag=tag, text=said)


@contextmanager
def card(title: str) -> Generator[None]:
    """A part of a page, with its title."""
    with ui.element("section").classes("em-card").props(f'aria-label="{title}"'):
        text("h2", title)
        yield


def facts(of: Iterable[tuple[str, str]]) -> None:
    """Names and what they are."""
    with ui.element("dl").classes("em-facts"):
        for name, value in of:
            text("dt", name)
            text("dd", value)

"""What every page has around it: who looks, where it leads, light and dark.

Rules: a page is made for one visitor whom the gateway knows; where it demands a key and has none,
the way leads to the sign-in. A page can be walked by keyboard alone, and has one h1 and one main.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib.resources import files
from urllib.parse import quote

from fastapi.responses import RedirectResponse
from nicegui import app, ui
from starlette.responses import Response

from edgemesh_dashboard.house import House
from edgemesh_dashboard.pages.heading import text
from edgemesh_dashboard.visitors import Standing, Visitor

SIGN_IN = "/sign-in"
_CHECK_S = 15.0
"""How often an open page asks whether its visitor's key is still good."""
PLACES = (
    ("/", "Topology", "hub"),
    ("/queues", "Queues", "stacked_bar_chart"),
    ("/requests", "Requests", "receipt_long"),
    ("/playground", "Playground", "science"),
    ("/algorithms", "Algorithms", "functions"),
    ("/models", "Models", "memory"),
    ("/jobs", "Jobs", "work_history"),
    ("/keys", "Keys", "key"),
)
_THEMES: dict[bool | None, tuple[str, str]] = {
    None: ("As the system", "brightness_auto"),
    False: ("Light", "light_mode"),
    True: ("Dark", "dark_mode"),
}
_STYLE = files("edgemesh_dashboard.pages").joinpath("style.css").read_text()

Build = Callable[[House, Visitor], None]


def visitor_here(house: House) -> Visitor:
    """Whose browser it is that a page is made for."""
    return house.visitors.of(app.storage.browser["id"])


def page(house: House, path: str, title: str, build: Build) -> None:
    """Serve a page at `path`, whose content `build` draws."""

    async def made() -> Response | None:
        visitor = visitor_here(house)
        standing = await visitor.standing()
        if standing is Standing.UNKNOWN:
            return RedirectResponse(f"{SIGN_IN}?to={quote(path)}")
        with framed(house, visitor, path, title):
            build(house, visitor)
        return None

    # NiceGUI knows a page by its function, so that each must have one of its own.
    ui.page(path, title=f"{title} · edgemesh", response_timeout=10)(made)


def look(visitor: Visitor) -> ui.dark_mode:
    """Colours and shapes; gives what switches between light and dark."""
    ui.add_css(_STYLE)
    ui.colors(primary="#0b5cad", positive="#16692f", negative="#b3201b", dark_page="#10161d")
    return ui.dark_mode(visitor.dark)


@contextmanager
def framed(house: House, visitor: Visitor, path: str, title: str) -> Generator[None]:
    """The page around what is drawn inside."""
    theme = look(visitor)
    with ui.header().classes("em-header"):
        menu = ui.button(icon="menu").classes("em-menu")
        menu.props('flat round color=none aria-label="Pages" aria-expanded=false')
        ui.link("edgemesh", "/").classes("em-brand")
        ui.label(house.settings.gateway).classes("em-where")
        _theme_button(visitor, theme)
        if visitor.key:
            way = ui.button("Sign out", icon="logout", on_click=lambda: _sign_out(visitor))
        else:
            way = ui.button("Sign in", icon="login", on_click=lambda: ui.navigate.to(SIGN_IN))
        way.props("flat dense no-caps color=none")
    with ui.element("div").classes("em-frame"):
        _pages(path, menu)
        with ui.element("main").classes("em-main") as main:
            text("h1", title)
            yield
    ui.skip_link("Skip to the content", target=main)

    async def check() -> None:
        if await visitor.standing() is Standing.UNKNOWN:
            ui.navigate.to(SIGN_IN)

    ui.timer(_CHECK_S, check)


def _pages(path: str, menu: ui.button) -> None:
    """The way to each page; on a narrow screen the menu's button shows and hides it."""
    with ui.element("nav").classes("em-pages").props('aria-label="Pages"') as pages:
        for to, name, icon in PLACES:
            with ui.link(target=to) as link:
                ui.icon(icon, size="1.3rem").props("aria-hidden=true")
                text("span", name)
            if to == path:
                link.props("aria-current=page")

    def toggle() -> None:
        shown = "em-open" not in pages.classes
        pages.classes(add="em-open" if shown else "", remove="" if shown else "em-open")
        menu.props(f"aria-expanded={str(shown).lower()}")

    menu.on_click(toggle)


def _theme_button(visitor: Visitor, theme: ui.dark_mode) -> None:
    def next_theme() -> None:
        order = list(_THEMES)
        visitor.dark = order[(order.index(visitor.dark) + 1) % len(order)]
        theme.value = visitor.dark
        show()

    button = ui.button(on_click=next_theme).props("flat round color=none")

    def show() -> None:
        name, icon = _THEMES[visitor.dark]
        button.props(f'icon={icon} aria-label="Colours: {name}"')

    show()


async def _sign_out(visitor: Visitor) -> None:
    await visitor.close()
    ui.navigate.to(SIGN_IN)

"""Where a user shows a key; it is kept in the dashboard's memory, for this browser's visit."""

from __future__ import annotations

from nicegui import ui

from edgemesh_client import ConfigurationError
from edgemesh_dashboard.house import House
from edgemesh_dashboard.pages.frame import PLACES, SIGN_IN, look, visitor_here
from edgemesh_dashboard.pages.heading import text
from edgemesh_dashboard.pages.notice import Notice
from edgemesh_dashboard.visitors import SignInRefused, Standing


def register(house: House) -> None:
    """Serve it."""

    async def sign_in(to: str = "/") -> None:
        visitor = visitor_here(house)
        look(visitor)
        target = to if to in {path for path, _, _ in PLACES} else "/"

        async def check() -> None:
            button.disable()
            try:
                found = await visitor.sign_in((key.value or "").strip())
            except (ConfigurationError, SignInRefused) as error:
                notice.say(str(error))
            else:
                if found is Standing.UNKNOWN:
                    notice.say("The gateway does not know this key.")
                elif found is Standing.AWAY:
                    notice.say(f"The gateway at {house.settings.gateway} cannot be reached.")
                else:
                    key.value = ""
                    ui.navigate.to(target)
            finally:
                button.enable()

        with ui.element("main").classes("em-main"), ui.element("div").classes("em-card em-sign"):
            text("h1", "Sign in to edgemesh")
            ui.label(f"With an API key of the gateway at {house.settings.gateway}.")
            key = ui.input("API key", password=True, password_toggle_button=True)
            key.props("outlined autocomplete=off autofocus").classes("em-grow")
            key.on("keydown.enter", check)
            notice = Notice()
            button = ui.button("Sign in", on_click=check).props("no-caps")
            ui.label(
                "The key stays in this dashboard's memory until you sign out; no file has it."
            ).classes("em-soft")

    ui.page(SIGN_IN, title="Sign in · edgemesh")(sign_in)

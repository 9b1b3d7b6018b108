"""A Python function made an algorithm, served at once: no restart, no deployment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

from edgemesh_dashboard.pages.dialog import opened
from edgemesh_dashboard.pages.editor import Editor
from edgemesh_dashboard.pages.entry import Entry
from edgemesh_dashboard.pages.notice import Notice
from edgemesh_dashboard.visitors import Visitor

_EXAMPLE = '''def triple(x: float) -> float:
    """Three times as much."""
    return 3 * x
'''


async def register_one(visitor: Visitor, done: Callable[[], Awaitable[None]]) -> None:
    """Ask for it, and register it."""
    with opened("Register a Python function") as dialog:
        ui.label(
            "Its module level runs once, in the sandbox; each call begins with what that left. "
            "The same name again is a new version."
        )
        name = Entry("Name, without python.", "triple")
        editor = Editor("The function's code", _EXAMPLE, visitor.dark)
        shared = ui.checkbox("All tenants may use it, and read its code")
        notice = Notice()

        async def register() -> None:
            button.disable()
            with notice.telling():
                made = await visitor.client.register(
                    name=name.text, code=editor.code, shared=bool(shared.value)
                )
                ui.notify(f"{made.name}@{made.version} is served", type="positive")
                dialog.submit(True)
            button.enable()

        button = ui.button("Register", on_click=register).props("no-caps")
    if await dialog:
        await done()

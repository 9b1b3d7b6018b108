"""An editor for Python, which a keyboard can enter and leave."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Awaitable, Callable

from nicegui import ui

LIGHT, DARK = "githubLight", "githubDark"
_HINT = "Ctrl-Enter runs it; Escape, then Tab leaves the editor."


class Editor:
    """One editor; `name` is its accessible name."""

    def __init__(
        self,
        name: str,
        code: str,
        dark: bool | None,
        run: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._name, self._dark = name, dark
        self._editor = ui.codemirror(
            code,
            language="Python",
            theme=DARK if dark else LIGHT,
            keymap={"Ctrl-Enter": run} if run is not None else None,
        ).classes("em-editor")
        ui.label(_HINT if run is not None else _HINT.partition("; ")[2]).classes("em-soft")
        ui.timer(0, self._settle, once=True)

    @property
    def code(self) -> str:
        """What is in it."""
        return self._editor.value or ""

    async def _settle(self) -> None:
        """What only the browser knows, or has: whether it is dark, and the editor's own element."""
        await ui.context.client.connected()
        with contextlib.suppress(TimeoutError):  # it has gone on to another page
            self._editor.theme = DARK if await self._name_it() else LIGHT

    async def _name_it(self) -> bool:
        """Give the editor's own element its name; returns whether the page is dark."""
        return await ui.run_javascript(
            f"""
            const editor = getHtmlElement({self._editor.id});
            const name = () => {{
              const content = editor.querySelector(".cm-content");
              if (!content) return setTimeout(name, 50);
              content.setAttribute("aria-label", {json.dumps(self._name)});
            }};
            name();
            return document.body.classList.contains("body--dark");
            """,
            timeout=10,
        )

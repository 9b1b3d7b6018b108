"""One piece of work at a time, which its user can stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from nicegui import ui


class Running:
    """A button that starts it, one that stops it; it ends with the page, too."""

    def __init__(self, label: str, icon: str, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._task: asyncio.Task[None] | None = None
        self._start = ui.button(label, icon=icon, on_click=self.start).props("no-caps")
        self._stop = ui.button("Stop", icon="stop", on_click=self.stop).props("no-caps outline")
        self._stop.disable()
        self._done = 0
        ui.context.client.on_delete(self.stop)

    async def start(self) -> None:
        """Start it, unless it runs."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        """Stop it, if it runs: who stops listening ends the work."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        self._start.disable()
        self._stop.enable()
        try:
            with self._start.parent_slot or self._start:
                await self._work()
        finally:
            self._task = None
            self._done += 1  # a run may be over before anybody has seen it begin
            self._start.props(f"data-done={self._done}")
            self._start.enable()
            self._stop.disable()

"""What happened to one job, then what happens; and what came of it."""

from __future__ import annotations

import asyncio

from nicegui import ui

from edgemesh_client import Moved, Partial, Progress, Text, Token
from edgemesh_dashboard.pages.live import LiveText
from edgemesh_dashboard.pages.notice import Notice
from edgemesh_dashboard.pages.outcome import Shown
from edgemesh_dashboard.visitors import Visitor


class JobWatch:
    """A place for one job at a time; it is watched until another is, or the page is left."""

    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor
        self._task: asyncio.Task[None] | None = None
        self._title = ui.label("None yet: “Watch” in the list shows one here.").classes("em-soft")
        self._notice = Notice()
        self._log = LiveText("What happened to the job")
        self._shown = Shown()
        ui.context.client.on_delete(self.stop)

    async def watch(self, id: str) -> None:
        """Watch this one from now on."""
        self.stop()
        self._task = asyncio.create_task(self._follow(id))

    def stop(self) -> None:
        """Watch none."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _follow(self, id: str) -> None:
        feed = self._log.begin()
        self._shown.clear()
        self._title.text = f"Job {id}"
        try:
            with self._notice.telling():
                job = await self._visitor.client.job(id)
                async for event in job.events():
                    match event:
                        case Moved(state, attempt):
                            feed.add(f"— {state.value}, attempt {attempt}\n")
                        case Text(text) | Token(text):
                            feed.add(text)
                        case Progress(fraction, message):
                            feed.add(f"— {100 * fraction:.0f} % {message}\n")
                        case Partial(name):
                            feed.add(f"— {name} is ready\n")
                        case _:
                            pass
                self._shown.show(await job.result(check=False))
        finally:
            self._log.end()

"""Python in the sandbox: an editor, what is printed while it is, figures; sessions and jobs."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

from nicegui import ui

from edgemesh_client import Event, Result, Text
from edgemesh_dashboard.house import House
from edgemesh_dashboard.pages.editor import Editor
from edgemesh_dashboard.pages.entry import Entry
from edgemesh_dashboard.pages.heading import card
from edgemesh_dashboard.pages.live import LiveText
from edgemesh_dashboard.pages.notice import Notice
from edgemesh_dashboard.pages.outcome import Shown, remember
from edgemesh_dashboard.pages.playground.running import Running
from edgemesh_dashboard.visitors import Visitor

_EXAMPLE = """import numpy as np
import matplotlib.pyplot as plt

t = np.linspace(0, 4 * np.pi, 400)
plt.figure(figsize=(6, 2.5))
plt.plot(t, np.sin(t), t, np.sin(t) * np.exp(-t / 6))
for n in range(3):
    print("step", n, flush=True)
{"mean": float(np.sin(t).mean()), "n": t.size}
"""


def build(house: House, visitor: Visitor) -> None:
    """Draw it."""
    del house

    async def run() -> None:
        feed = output.begin()
        shown.clear()
        try:
            with notice.telling():
                async for event in events():
                    if isinstance(event, Text):
                        feed.add(event.text)
                    elif isinstance(event, Result):
                        shown.show(event)
                        remember(visitor, event)
        finally:
            output.end()

    def events() -> AsyncIterator[Event]:
        seconds = float(limit.value or 10)
        if keep.value:
            session = visitor.client.session(name.text or None, delete=False)
            name.text = session.name
            return session.stream(editor.code, timeout=seconds, check=False)
        code = {"code": editor.code}
        return visitor.client.stream("python.run", timeout=seconds, check=False, parameters=code)

    async def submit() -> None:
        with notice.telling():
            made = await visitor.client.submit(
                "python.run", parameters={"code": editor.code}, request_id=uuid.uuid4().hex
            )
            notice.say(f"Job {made.id} is on the mesh's disk; the page Jobs shows it.", fault=False)

    async def forget() -> None:
        with notice.telling():
            if name.text:
                await visitor.client.session(name.text).delete()
                notice.say(f"The session {name.text} is forgotten.", fault=False)
                name.text = ""

    with card("Program"):
        editor = Editor("Python program", _EXAMPLE, visitor.dark, lambda: running.start())
        with ui.element("div").classes("em-row"):
            running = Running("Run", "play_arrow", run)
            job = ui.button("Submit as a job", icon="schedule_send", on_click=submit)
            job.props("flat no-caps")
            limit = ui.number("Seconds at most", value=10, min=1, max=300).props("outlined dense")
            limit.style("width: 9rem")
        with ui.element("div").classes("em-row"):
            keep = ui.switch("Session: go on where the last run ended")
            name = Entry("Session's name")
            end = ui.button("Forget it", icon="delete", on_click=forget).props("flat no-caps")
            for each in (name.field, end):
                each.bind_visibility_from(keep, "value")
        notice = Notice()
    with card("Output"):
        output = LiveText("What the program prints")
        save = ui.button("Save all that was printed", icon="download").props("flat no-caps dense")
        save.on_click(lambda: output.save("output.txt")).classes("self-start")
    with card("Result"):
        shown = Shown()

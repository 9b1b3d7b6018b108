"""A conversation with a model, token by token."""

from __future__ import annotations

from nicegui import ui

from edgemesh_client import Result, Token
from edgemesh_dashboard.feed import BEAT_S, Feed
from edgemesh_dashboard.house import House
from edgemesh_dashboard.pages.heading import card
from edgemesh_dashboard.pages.notice import Notice
from edgemesh_dashboard.pages.outcome import remember
from edgemesh_dashboard.pages.playground import offered
from edgemesh_dashboard.pages.playground.running import Running
from edgemesh_dashboard.visitors import Visitor

CHAT = "ml.chat"


def build(house: House, visitor: Visitor) -> None:
    """Draw it."""
    del house
    told: list[dict[str, str]] = []

    async def load() -> None:
        with notice.telling():
            algorithm = await offered.find(visitor, CHAT)
            if algorithm is None:
                notice.say(
                    "No model for chats is there: the executor ml serves one of its models folder."
                )
                return
            names = offered.models_of(algorithm)
            model.set_options(names, value=names[0] if names else None)

    async def send() -> None:
        said = (words.value or "").strip()
        if not said:
            return
        told.append({"role": "user", "content": said})
        words.value = ""
        with place:
            ui.label(said).classes("em-said em-mine")
            answer = ui.label("…").classes("em-said").props("aria-live=polite")
        feed = Feed()

        def beat() -> None:
            if feed.changed:
                answer.text = feed.show()

        with place:
            timer = ui.timer(BEAT_S, beat)
        try:
            with notice.telling():
                await answered(feed)
        finally:
            timer.cancel()
            answer.text = feed.show() or "(no answer)"
            told.append({"role": "assistant", "content": feed.show()})

    async def answered(feed: Feed) -> None:
        parameters = {"messages": told, "max_tokens": int(most.value or 128)}
        if model.value:
            parameters["model"] = model.value
        events = visitor.client.stream(CHAT, timeout=120, parameters=parameters)
        async for event in events:
            if isinstance(event, Token):
                feed.add(event.text)
            elif isinstance(event, Result):
                remember(visitor, event)

    def anew() -> None:
        told.clear()
        place.clear()

    with card("Chat"):
        with ui.element("div").classes("em-row"):
            model = ui.select([], label="Model").props("outlined dense").classes("em-grow")
            most = ui.number("Tokens at most", value=128, min=1, max=4096).props("outlined dense")
            most.style("width: 9rem")
            ui.button("New conversation", icon="restart_alt", on_click=anew).props("flat no-caps")
        place = ui.element("div").classes("em-chat").props('role=log aria-label="Conversation"')
        notice = Notice()
        with ui.element("div").classes("em-row"):
            words = ui.input("Say something").props("outlined dense").classes("em-grow")
            sending = Running("Send", "send", send)
        words.on("keydown.enter", sending.start)
    ui.timer(0, load, once=True)

"""Models: which there are, which are loaded; loaded and unloaded while the mesh runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

from edgemesh_client import Model
from edgemesh_dashboard.house import House
from edgemesh_dashboard.pages.entry import Entry
from edgemesh_dashboard.pages.notice import Notice
from edgemesh_dashboard.pages.records import Action, Column, Records, Row, State
from edgemesh_dashboard.visitors import Visitor

_COLUMNS = (
    Column("Model", "code"),
    Column("Task"),
    Column("Family"),
    Column("Licence"),
    Column("Memory", "number"),
    Column("State", "state"),
)


def build(house: House, visitor: Visitor) -> None:
    """Draw it."""
    del house
    ui.label(
        "A model is loaded when it is called, and unloaded when another needs its memory. A folder "
        "or a GGUF file put into the models folder is here when the list is read next."
    ).classes("em-soft")
    with ui.element("div").classes("em-row"):
        executor = Entry("Executor, where several have models", clearable=True)
        again = ui.button("Look again", icon="refresh").props("flat no-caps")
    notice = Notice()
    with ui.element("div").classes("em-card"):
        table = Records("Models", _COLUMNS, empty="None is known yet.", actions=True)

    async def load_list() -> None:
        with notice.telling():
            found = await visitor.client.models(executor=executor.text)
            table.show([_row(each, change) for each in found])

    async def change(each: Model) -> None:
        client, name = visitor.client, f"{each.name}@{each.version}"
        where = executor.text
        notice.say(f"{'Unloading' if each.loaded else 'Loading'} {name} …", fault=False)
        with notice.telling():
            if each.loaded:
                await client.unload_model(name, executor=where)
            else:
                await client.load_model(name, executor=where)
            notice.say("")
            await load_list()

    again.on_click(load_list)
    ui.timer(0, load_list, once=True)


def _row(each: Model, change: Callable[[Model], Awaitable[None]]) -> Row:
    name = f"{each.name}@{each.version}"
    state = State("Loaded", "good") if each.loaded else State("Not loaded", "soft")
    if each.loaded and each.kept:
        state = State("Loaded, kept", "good")
    actions: tuple[Action, ...] = ()
    if not each.kept:
        verb, icon = ("Unload", "eject") if each.loaded else ("Load", "download")
        actions = (Action(verb, f"{verb} {name}", icon, lambda: change(each)),)
    memory = f"{each.memory_bytes / 1e6:,.0f} MB"
    shown = name + (" (default)" if each.stable else "")
    return Row(name, (shown, each.task, each.family, each.licence, memory, state), actions)

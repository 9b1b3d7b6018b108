"""What can be computed now, in which versions; one's own are registered and deleted."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from nicegui import ui

from edgemesh_client import Algorithm, TensorSpec
from edgemesh_dashboard.house import House
from edgemesh_dashboard.pages.dialog import confirmed, opened
from edgemesh_dashboard.pages.entry import Entry
from edgemesh_dashboard.pages.heading import facts, text
from edgemesh_dashboard.pages.notice import Notice
from edgemesh_dashboard.pages.records import Action, Column, Records, Row
from edgemesh_dashboard.pages.registering import register_one
from edgemesh_dashboard.visitors import Visitor

_COLUMNS = (
    Column("Algorithm", "code"),
    Column("Version", "short"),
    Column("Executor"),
    Column("What it does"),
)


def build(house: House, visitor: Visitor) -> None:
    """Draw it."""
    del house
    known: list[Algorithm] = []

    async def load() -> None:
        with notice.telling():
            known[:] = await visitor.client.algorithms()
            show()

    def show() -> None:
        sought = wanted.text.lower()
        found = [each for each in known if sought in f"{each.name} {each.description}".lower()]
        count.text = f"{len(found)} of {len(known)} algorithms"
        table.show([_row(each, lambda each=each: delete(each)) for each in found])

    async def delete(each: Algorithm) -> None:
        name = f"{each.name}@{each.version}"
        if await confirmed(f"Delete {name}?", "Calls that run go on, later ones fail.", "Delete"):
            with notice.telling():
                await visitor.client.delete_algorithm(name)
                await load()

    with ui.element("div").classes("em-row"):
        wanted = Entry("Filter by name or description", clearable=True)
        wanted.field.on_value_change(show)
        ui.button("Look again", icon="refresh", on_click=load).props("flat no-caps")
        new = ui.button("Register one", icon="add").props("no-caps")
        new.on_click(lambda: register_one(visitor, load))
    notice = Notice()
    count = ui.label("Looking …").classes("em-soft").props("role=status")
    with ui.element("div").classes("em-card"):
        table = Records("Algorithms", _COLUMNS, empty="None fits the filter.", actions=True)
    ui.timer(0, load, once=True)


def _row(each: Algorithm, delete: Callable[[], Awaitable[None]]) -> Row:
    name = f"{each.name}@{each.version}"
    version = each.version + (" (default)" if each.default else "")
    actions = [Action("Details", f"Details of {name}", "info", lambda: _details(each))]
    if each.registered:
        actions.append(Action("Delete", f"Delete {name}", "delete", delete))
    what = each.description.split(". ")[0].split("; ")[0]
    return Row(name, (each.name, version, each.executor, what), tuple(actions))


async def _details(each: Algorithm) -> None:
    with opened(f"{each.name}@{each.version}") as dialog:
        ui.label(each.description)
        facts(
            (
                ("Executor", each.executor),
                ("Streams", "yes" if each.streams else "no"),
                ("May run twice", "yes" if each.idempotent else "no"),
                ("Capabilities", ", ".join(each.capabilities) or "none"),
                *((f"Input {spec.name}", _told(spec)) for spec in each.inputs),
                *((f"Output {spec.name}", _told(spec)) for spec in each.outputs),
            )
        )
        for title, schema in (("Parameters", each.parameters), ("Result", each.result)):
            if schema:
                text("h3", f"{title}, as JSON Schema")
                text("pre", json.dumps(schema, indent=2)).classes("em-output").props("tabindex=0")
    await dialog


def _told(spec: TensorSpec) -> str:
    shape = (
        "any shape" if spec.shape is None else "[" + ", ".join(_length(n) for n in spec.shape) + "]"
    )
    need = "" if spec.required else ", may be left out"
    return f"{' or '.join(spec.dtypes) or 'any type'}, {shape}{need}. {spec.description}".strip()


def _length(length: int) -> str:
    return "n" if length < 0 else str(length)

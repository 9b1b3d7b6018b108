"""API keys: made and shown once, listed, revoked."""

from __future__ import annotations

from nicegui import ui

from edgemesh_client import Key
from edgemesh_dashboard.house import House
from edgemesh_dashboard.pages.dialog import confirmed, opened
from edgemesh_dashboard.pages.entry import Entry
from edgemesh_dashboard.pages.heading import card, text
from edgemesh_dashboard.pages.notice import Notice
from edgemesh_dashboard.pages.records import Action, Column, Records, Row, State
from edgemesh_dashboard.visitors import Visitor

_COLUMNS = (
    Column("Begins with", "code"),
    Column("Tenant"),
    Column("Scopes"),
    Column("Note"),
    Column("Made", "short"),
    Column("State", "state"),
)


def build(house: House, visitor: Visitor) -> None:
    """Draw it."""
    del house
    with card("A new key"):
        with ui.element("div").classes("em-row"):
            tenant = Entry("Tenant")
            scopes = Entry("Scopes, with spaces between; none: as its tenant's")
        with ui.element("div").classes("em-row"):
            note = Entry("Note, for people")
            days = ui.number("Days it lives; 0: for ever", value=90, min=0, max=36500)
            days.props("outlined dense").classes("em-grow")
            make = ui.button("Make the key", icon="add").props("no-caps")
        making = Notice()
    with card("Keys"):
        listed_all = ui.checkbox("Revoked and expired ones too")
        notice = Notice()
        table = Records("API keys", _COLUMNS, empty="There are none.", actions=True)

    async def load() -> None:
        with notice.telling():
            found = await visitor.client.keys(all=bool(listed_all.value))
            table.show([row(key) for key in found])

    async def create() -> None:
        with making.telling():
            key, secret = await visitor.client.create_key(
                tenant.text,
                scopes=scopes.text.split(),
                note=note.text,
                days=float(days.value or 0),
            )
            await load()
            await _show_once(key, secret)

    async def revoke(key: Key) -> None:
        what = f"Calls with it are refused from then on, for good. Tenant: {key.tenant}."
        if await confirmed(f"Revoke {key.prefix}…?", what, "Revoke"):
            with notice.telling():
                await visitor.client.revoke_key(key.prefix)
                await load()

    def row(key: Key) -> Row:
        state = State("Valid", "good")
        if key.revoked is not None:
            state = State("Revoked", "bad")
        elif key.expires is not None:
            state = State(f"Until {key.expires:%Y-%m-%d}", "good")
        acts = (Action("Revoke", f"Revoke key {key.prefix}", "block", lambda: revoke(key)),)
        scopes = " ".join(key.scopes) or "as its tenant's"
        cells = (key.prefix, key.tenant, scopes, key.note, f"{key.created:%Y-%m-%d %H:%M}", state)
        return Row(key.prefix, cells, acts if key.revoked is None else ())

    make.on_click(create)
    listed_all.on_value_change(load)
    ui.timer(0, load, once=True)


async def _show_once(key: Key, secret: str) -> None:
    with opened(f"The key of {key.tenant}") as dialog:
        dialog.props("persistent")
        ui.label("Copy it now: nobody can tell it again, and it is kept nowhere.")
        text("output", secret).classes("em-output").props('tabindex=0 aria-label="The new key"')
        with ui.element("div").classes("em-row"):
            copy = ui.button("Copy", icon="content_copy").props("no-caps")
            copy.on_click(lambda: ui.clipboard.write(secret))
            done = ui.button("I have it", on_click=lambda: dialog.submit(True))
            done.props("flat no-caps")
    await dialog

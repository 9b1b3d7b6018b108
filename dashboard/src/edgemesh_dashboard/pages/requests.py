"""What became of requests: the record of one, those made here, and what was used."""

from __future__ import annotations

from nicegui import ui

from edgemesh_client import RequestInfo
from edgemesh_dashboard.house import House
from edgemesh_dashboard.pages.entry import Entry
from edgemesh_dashboard.pages.heading import card, facts
from edgemesh_dashboard.pages.notice import Notice
from edgemesh_dashboard.pages.records import Action, Column, Records, Row, State, show_state
from edgemesh_dashboard.pages.way import draw_way
from edgemesh_dashboard.visitors import Visitor


def build(house: House, visitor: Visitor) -> None:
    """Draw it."""
    with card("One request"):
        ui.label(
            "Its id is in the answer, the error and the log; its record is there a second later."
        )
        with ui.element("div").classes("em-row"):
            wanted, tenant = Entry("Request id"), Entry("Tenant, if another's")
            find = ui.button("Find", icon="search").props("no-caps")
        notice = Notice()
        found = ui.element("div").classes("em-stack")

    async def show() -> None:
        found.clear()
        if not wanted.text:
            notice.say("An id is needed.")
            return
        with notice.telling():
            info = await visitor.client.request(wanted.text, tenant=tenant.text)
            with found:
                _draw(info, house.settings.trace_url)

    async def look_at(request_id: str) -> None:
        wanted.text, tenant.text = request_id, ""
        await show()

    find.on_click(show)
    wanted.field.on("keydown.enter", show)
    with card("Made here"):
        made = Records(
            "Requests made in this dashboard",
            (Column("Request id", "code"), Column("Algorithm"), Column("Outcome", "state")),
            empty="None yet: the playground makes some.",
            actions=True,
        )

    def show_made() -> None:
        made.show([_row(each.request_id, each.algorithm, each.outcome) for each in visitor.made])

    def _row(request_id: str, algorithm: str, outcome: str) -> Row:
        act = Action("Show", f"Show {request_id}", "search", lambda: look_at(request_id))
        state = State(outcome, "good" if outcome == "OK" else "bad")
        return Row(request_id, (request_id, algorithm, state), (act,))

    show_made()
    _usage(visitor)


def _draw(info: RequestInfo, trace_url: str) -> None:
    fine = info.code == "OK" and info.outcome in ("OK", "")
    with ui.element("div").classes("em-row"):
        show_state(State(info.outcome or info.code, "good" if fine else "bad"))
        ui.label(info.ran or info.algorithm).classes("em-code")
    draw_way(info)
    facts(
        (
            ("Request", info.request_id),
            ("Tenant", info.tenant),
            ("Came by", info.method),
            ("Began", f"{info.began:%Y-%m-%d %H:%M:%S} UTC"),
            ("Status", info.code + (f", {info.reason}" if info.reason else "")),
            (
                "Ran at",
                " ".join(each for each in (info.executor, info.replica) if each) or "nowhere",
            ),
            ("Bytes", f"{info.request_bytes:,} in, {info.response_bytes:,} out"),
            ("Tokens", f"{info.input_tokens:,} read, {info.output_tokens:,} made"),
            ("Trace", info.trace_id or "not traced"),
        )
    )
    if info.trace_id and trace_url:
        ui.link("Look at the trace", trace_url.replace("{trace_id}", info.trace_id), new_tab=True)


def _usage(visitor: Visitor) -> None:
    with card("Used today"):
        notice = Notice()
        table = Records(
            "Usage by algorithm today",
            (
                Column("Algorithm"),
                Column("Calls", "number"),
                Column("Failed", "number"),
                Column("Compute seconds", "number"),
                Column("Tokens", "number"),
            ),
            empty="Nothing was used today.",
        )

    async def load() -> None:
        with notice.telling():
            rows: list[Row] = []
            for row in await visitor.client.usage():
                tokens = f"{row.input_tokens + row.output_tokens:,}"
                spent = f"{row.compute_us / 1e6:,.2f}"
                cells = (row.algorithm, f"{row.calls:,}", f"{row.failed:,}", spent, tokens)
                rows.append(Row(f"{row.day} {row.algorithm}", cells))
            table.show(rows)

    ui.timer(0, load, once=True)

"""Who waits, for which executor, and how the slots are shared: by class and by tenant."""

from __future__ import annotations

from nicegui import ui

from edgemesh_dashboard.figures import ExecutorFigures
from edgemesh_dashboard.house import House
from edgemesh_dashboard.pages.bar import Bar
from edgemesh_dashboard.pages.heading import card
from edgemesh_dashboard.pages.notice import Notice
from edgemesh_dashboard.pages.records import Column, Records, Row
from edgemesh_dashboard.visitors import Standing, Visitor
from edgemesh_dashboard.watch import EVERY_S


def build(house: House, visitor: Visitor) -> None:
    """Draw it."""
    notice = Notice()
    with ui.element("div").classes("em-grid") as place:
        parts: dict[str, _Executor] = {}
    with card("Waiting, by tenant"):
        ui.label(
            "Tenants who wait share an executor by weight. Those that the policy names are told "
            "apart; all others are one line."
        ).classes("em-soft")
        lacking = Notice()
        tenants = Records(
            "Waiting requests by tenant",
            (
                Column("Tenant"),
                Column("Executor"),
                Column("Waiting", "number"),
                Column("Share", "number"),
            ),
            empty="Nobody waits.",
        )

    async def show() -> None:
        reading = house.watch.look()
        fault = house.watch.fault
        notice.say(f"Queues are not known: {fault}." if fault else "")
        if reading is None:
            return
        for executor in reading.gateway.executors:
            if executor.name not in parts:
                with place, card(executor.name):
                    parts[executor.name] = _Executor()
            parts[executor.name].show(executor)
        if await visitor.standing() is Standing.OWNER:
            tenants.show(_by_tenant(reading.gateway.executors))
        else:
            lacking.say("Other tenants' names need the scope admin, which you lack.", fault=False)

    ui.timer(EVERY_S, show)


def _by_tenant(executors: tuple[ExecutorFigures, ...]) -> list[Row]:
    rows: list[Row] = []
    for executor in executors:
        most = sum(executor.waiting_by_tenant.values())
        for tenant, waiting in sorted(executor.waiting_by_tenant.items(), key=lambda it: -it[1]):
            if waiting:
                share = f"{100 * waiting / most:.0f} %"
                key = f"{executor.name} {tenant}"
                rows.append(Row(key, (tenant, executor.name, str(waiting), share)))
    return rows


class _Executor:
    """One executor's queue."""

    def __init__(self) -> None:
        self._slots = Bar("slots in use")
        self._waiting = ui.label()
        self._classes = ui.label().classes("em-soft")
        self._lost = ui.label().classes("em-soft")

    def show(self, now: ExecutorFigures) -> None:
        """What it is now."""
        self._slots.show(now.running, now.slots)
        self._waiting.text = f"{now.waiting} waiting, {now.queue_bytes / 1e6:.1f} MB"
        said = ", ".join(f"{name} {count}" for name, count in now.waiting_by_class.items())
        self._classes.text = f"By class: {said}"
        self._lost.text = (
            f"{now.shed} sent away since the queue was full, {now.late} waited too long"
        )

"""The mesh as it is now: the gateway, the executors behind it, their workers; load and health."""

from __future__ import annotations

from nicegui import ui

from edgemesh_dashboard.figures import WORKER_STATES, ExecutorFigures, WorkerFigures
from edgemesh_dashboard.house import House
from edgemesh_dashboard.pages.bar import Bar
from edgemesh_dashboard.pages.heading import card, text
from edgemesh_dashboard.pages.notice import Notice
from edgemesh_dashboard.pages.rate_chart import RateChart
from edgemesh_dashboard.pages.records import State, show_state
from edgemesh_dashboard.visitors import Visitor
from edgemesh_dashboard.watch import EVERY_S, Reading

_MOST_SQUARES = 64


def build(house: House, visitor: Visitor) -> None:
    """Draw it."""
    del visitor
    notice = Notice()
    with ui.element("div").classes("em-mesh"):
        with ui.element("div").classes("em-gateway"), card("Gateway"):
            gateway = _Gateway(house.settings.gateway)
        executors = _Executors()
    with card("Requests a second, the last two minutes"):
        chart = RateChart()

    def show() -> None:
        reading = house.watch.look()
        fault = house.watch.fault
        notice.say(f"Load and health are not known: {fault}." if fault else "")
        gateway.show(reading, fault)
        if reading is not None:
            executors.show(reading)
            chart.show(house.watch.rates)

    ui.timer(EVERY_S, show)


class _Gateway:
    """The gateway's part."""

    def __init__(self, address: str) -> None:
        self._state = ui.element("div")
        self._shown: State | None = None
        text("span", address).classes("em-code")
        self._running = ui.label()
        self._jobs = ui.label()

    def show(self, reading: Reading | None, fault: str) -> None:
        """What it does now."""
        state = State("Looking …", "warn") if reading is None else State("Serving", "good")
        if fault:
            state = State("Not seen", "bad")
        if state != self._shown:
            self._shown = state
            self._state.clear()
            with self._state:
                show_state(state)
        if reading is not None:
            now = reading.gateway
            self._running.text = (
                f"{now.in_flight} running, {now.rpcs:,} answered, {now.failed:,} of them failed; "
                f"{now.held_bytes / 1e6:.1f} MB held"
            )
            said = ", ".join(f"{count} {state}" for state, count in sorted(now.jobs.items()))
            self._jobs.text = f"Jobs: {said or 'none'}"


class _Executors:
    """All executors' parts; one is drawn when it is first seen."""

    def __init__(self) -> None:
        self._place = ui.element("div").classes("em-executors")
        self._parts: dict[str, _Executor] = {}

    def show(self, reading: Reading) -> None:
        """What they do now."""
        for executor in reading.gateway.executors:
            part = self._parts.get(executor.name)
            if part is None:
                with self._place, card(executor.name):
                    part = self._parts[executor.name] = _Executor()
            part.show(executor, reading.workers.get(executor.name))


class _Executor:
    """One executor's part."""

    def __init__(self) -> None:
        self._state = ui.element("div")
        self._up: bool | None = None
        self._slots = Bar("slots in use")
        self._waiting = ui.label()
        self._replicas = ui.label().classes("em-soft em-code")
        self._workers = ui.element("div").classes("em-workers").props("role=img")
        self._words = ui.label().classes("em-soft")
        self._drawn: tuple[str, ...] = ()

    def show(self, now: ExecutorFigures, workers: WorkerFigures | None) -> None:
        """What it does now."""
        if self._up is not now.up:
            self._up = now.up
            self._state.clear()
            with self._state:
                show_state(State("Up", "good") if now.up else State("Away", "bad"))
        self._slots.show(now.running, now.slots)
        self._waiting.text = f"{now.waiting} waiting" + (f", {now.shed} sent away" * bool(now.shed))
        self._replicas.text = "; ".join(
            each.address + ("" if each.up else " (away)") for each in now.replicas
        )
        self._show_workers(workers)

    def _show_workers(self, workers: WorkerFigures | None) -> None:
        self._workers.visible = workers is not None
        if workers is None:
            self._words.text = "Its workers are not seen: EXECUTOR_METRICS does not name it."
            return
        counts = {state: workers.by_state.get(state, 0) for state in WORKER_STATES}
        words = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        self._words.text = f"Workers: {words or 'none'}; {workers.exits} ended so far"
        squares = tuple(state for state, count in counts.items() for _ in range(count))
        if squares != self._drawn:
            self._drawn = squares
            self._workers.clear()
            self._workers.props(f'aria-label="Workers: {words or "none"}"')
            with self._workers:
                for state in squares[:_MOST_SQUARES]:
                    square = ui.element("span").classes(f"em-worker em-{state}")
                    square.props(f"title={state} aria-hidden=true")

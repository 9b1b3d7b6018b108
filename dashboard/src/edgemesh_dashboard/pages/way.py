"""Where a request's time went, as one bar of parts and the same in words."""

from __future__ import annotations

from nicegui import ui

from edgemesh_client import RequestInfo
from edgemesh_dashboard.pages.heading import text

_COLOURS = ("#8a94a0", "#c77700", "#7a5cc0", "var(--accent)")


def parts(info: RequestInfo) -> list[tuple[str, int]]:
    """Part → microseconds; together they are the whole."""
    worker = min(info.worker_queue_us, info.executor_us)
    run = min(info.run_us, info.executor_us - worker)
    inside = info.executor_us - worker - run
    own = max(0, info.total_us - info.queue_us - info.executor_us)
    return [
        ("gateway", own),
        ("waiting for a slot", info.queue_us),
        ("executor and waiting for a worker", worker + inside),
        ("running", run),
    ]


def draw_way(info: RequestInfo) -> None:
    """Draw it."""
    shares = parts(info)
    whole = max(1, sum(us for _, us in shares))
    said = ", ".join(f"{name} {us / 1000:.2f} ms" for name, us in shares)
    with (
        ui.element("div")
        .classes("em-bar")
        .style("display: flex; height: 16px")
        .props(f'role=img aria-label="Time: {said}"')
    ):
        for (_, us), colour in zip(shares, _COLOURS, strict=True):
            ui.element("div").style(
                f"width: {100 * us / whole:.2f}%; background: {colour}; border-radius: 0"
            )
    with ui.element("div").classes("em-row"):
        text("strong", f"{info.total_us / 1000:.2f} ms")
        for (name, us), colour in zip(shares, _COLOURS, strict=True):
            with ui.element("span").classes("em-soft"):
                ui.element("span").style(
                    f"display: inline-block; width: 10px; height: 10px; background: {colour}; "
                    "margin-right: 5px"
                )
                text("span", f"{name} {us / 1000:.2f} ms")

"""`edgemesh status`: which executors serve, how busy they are, and the caller's jobs; live on a
terminal.

Rules: what the gateway says is asked by its services; load comes from its metrics, where they can
be read, and is left out where not.
"""

from __future__ import annotations

import re
import time
import urllib.request
from contextlib import suppress
from http.client import HTTPException
from typing import Annotated

import typer
from rich.console import Group
from rich.text import Text

from edgemesh_client.cli.app import STATE, app
from edgemesh_client.cli.examples import examples
from edgemesh_client.cli.given import BadInput
from edgemesh_client.cli.interrupt import interrupts
from edgemesh_client.cli.output import table_of
from edgemesh_client.cli.shapes import Load, StatusShape
from edgemesh_client.errors import EdgemeshError, PermissionDenied
from edgemesh_client.job_kinds import JobState

_GATEWAY = re.compile(r"(.+):50051")
_METRICS_PORT = 9051
_FIGURE = re.compile(
    r'^edgemesh_(executor_up|slots|running|waiting)\{executor="([^"]+)"\} (\S+)$', re.MULTILINE
)
_SOON_S = 2.0
_MOST = 1000


@app.command(epilog=examples("edgemesh status --once"))
def status(
    once: Annotated[
        bool, typer.Option("--once", help="Once, not live; so it is without a terminal.")
    ] = False,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds from look to look.")] = 2.0,
    metrics: Annotated[
        str, typer.Option(help="HOST:PORT of the gateway's metrics; default: 9051 beside 50051.")
    ] = "",
) -> None:
    """Which executors serve, how busy they are, and your jobs."""
    if STATE.output.as_json:
        STATE.output.json(_look(metrics))
        return
    if once or not STATE.output.live:
        found = _look(metrics)
        STATE.output.line(_headline(found))
        STATE.output.table(_COLUMNS, _rows(found))
        if found.load is None:
            STATE.output.note("how busy they are is not known: --metrics HOST:PORT")
        return
    with interrupts() as check, STATE.output.screen() as screen:
        while True:
            screen.update(_drawn(metrics), refresh=True)
            time.sleep(every)
            check()


def _look(metrics: str, *, strict: bool = True) -> StatusShape:
    """What there is; `strict`: metrics that were named and cannot be read are an error."""
    client = STATE.client
    address = client.options.address
    count: dict[str, int] = {}
    for each in client.algorithms():
        count[each.executor] = count.get(each.executor, 0) + 1
    jobs: dict[str, int] | None = None
    with suppress(PermissionDenied):
        jobs = {
            state.value: len(client.jobs(states=[state], most=_MOST))
            for state in (JobState.QUEUED, JobState.RUNNING)
        }
    load = _load(metrics, address, strict=strict)
    return StatusShape(address, dict(sorted(count.items())), load, jobs)


def _load(metrics: str, address: str, *, strict: bool) -> dict[str, Load] | None:
    beside = _GATEWAY.fullmatch(address)
    if not metrics and beside is None:
        return None  # whose metrics are on the standard port, nobody knows
    place = metrics or f"{beside[1] if beside else ''}:{_METRICS_PORT}"
    try:
        with urllib.request.urlopen(f"http://{place}/metrics", timeout=_SOON_S) as answer:
            text: str = answer.read().decode(errors="replace")
    except (OSError, ValueError, HTTPException) as error:
        if strict and metrics:
            why = getattr(error, "reason", None) or error or type(error).__name__
            raise BadInput(f"--metrics {metrics}: cannot be read ({why})") from None
        return None
    figures: dict[str, dict[str, float]] = {}
    for name, executor, value in _FIGURE.findall(text):
        figures.setdefault(executor, {})[name] = float(value)
    return {
        executor: Load(
            bool(its.get("executor_up")),
            int(its.get("slots", 0)),
            int(its.get("running", 0)),
            int(its.get("waiting", 0)),
        )
        for executor, its in sorted(figures.items())
    }


_COLUMNS = ("executor", "", "algorithms", "slots", "running", "waiting")


def _rows(found: StatusShape) -> list[tuple[object, ...]]:
    load = found.load or {}
    rows: list[tuple[object, ...]] = []
    for name in sorted({*found.executors, *load}):
        count, its = found.executors.get(name, 0), load.get(name)
        serves = its.up if its is not None else bool(count)
        figures = (its.slots, its.running, its.waiting) if its is not None else ("", "", "")
        rows.append((name, "serves" if serves else "away", count, *figures))
    return rows


def _headline(found: StatusShape) -> str:
    line = f"{found.address} serves {sum(found.executors.values())} algorithms"
    if found.jobs is not None:
        line += f"; your jobs: {found.jobs['QUEUED']} queued, {found.jobs['RUNNING']} running"
    return line


def _drawn(metrics: str) -> Group:
    now = Text(time.strftime("%H:%M:%S  Ctrl-C ends"), style="dim")
    try:
        found = _look(metrics, strict=False)
    except EdgemeshError as error:  # it may come back
        return Group(Text(str(error), style="red"), now)
    return Group(Text(_headline(found)), table_of(_COLUMNS, _rows(found)), now)

"""The HTML that a notebook shows of jobs and progress.

Rules: plain markup in the notebook's own colours, light or dark; all that came from the mesh is
escaped.
"""

from __future__ import annotations

import datetime as dt
import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgemesh_client.job_kinds import JobInfo

_SHADE = {
    "QUEUED": "#888",
    "RUNNING": "#06c",
    "SUCCEEDED": "#080",
    "CANCELLED": "#888",
}
_FAILED = "#b00"


def bar(fraction: float, message: str = "") -> str:
    """How far something is, from 0 to 1."""
    at = min(1.0, max(0.0, fraction))
    said = f" {html.escape(message)}" if message else ""
    return (
        f'<div><progress value="{at:.4f}" max="1" aria-label="progress"></progress> '
        f"{at:.0%}{said}</div>"
    )


def job(info: JobInfo) -> str:
    """A job, as it was when it was asked for."""
    shade = _SHADE.get(info.state.value, _FAILED)
    rows = {
        "job": f"<code>{html.escape(info.id)}</code>",
        "algorithm": f"<code>{html.escape(info.algorithm)}</code>",
        "state": f'<b style="color:{shade}">{info.state.value}</b>',
        "attempts": f"{info.attempts} of {info.max_attempts}",
        "created": _moment(info.created),
        "waited": _span(info.created, info.started),
        "took": _span(info.started, info.ended),
    }
    cells = "".join(
        f"<tr><th>{name}</th><td>{cell}</td></tr>" for name, cell in rows.items() if cell
    )
    return f"<table>{cells}</table>"


def text(printed: str, *, wrong: bool = False) -> str:
    """What was printed; `wrong`: to stderr."""
    style = f' style="color:{_FAILED}"' if wrong else ""
    return f"<pre{style}>{html.escape(printed)}</pre>"


def _moment(at: dt.datetime) -> str:
    return html.escape(at.astimezone().isoformat(" ", "seconds"))


def _span(first: dt.datetime | None, last: dt.datetime | None) -> str:
    if first is None or last is None:
        return ""
    return f"{(last - first).total_seconds():.3f} s"

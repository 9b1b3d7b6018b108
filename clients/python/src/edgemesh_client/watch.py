"""A stream, or a job, shown while it goes on: as HTML in a notebook, as text in a terminal.

Rules: a notebook's output is one piece, shown anew at most ten times a second and at the end;
IPython is used where the caller runs in it, and is no dependency.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import Any, Protocol

from edgemesh_client import notebook
from edgemesh_client.async_job import JobEvent, Moved
from edgemesh_client.errors import AlgorithmFailed
from edgemesh_client.events import Event, Partial, Progress, Text, Token
from edgemesh_client.job import Job
from edgemesh_client.result import Result

_PAUSE_S = 0.1
_MOST_SHOWN = 20_000
"""Characters of what was printed: a notebook keeps all that it is shown."""


class Shown(Protocol):
    """An output of a notebook, as IPython's `DisplayHandle` has it."""

    def update(self, obj: Any) -> object:
        """Show this in its place."""
        ...


class Show(Protocol):
    """What begins an output, as IPython's `display(…, display_id=True)` does."""

    def __call__(self, obj: Any) -> Shown:
        """Show this."""
        ...


class View:
    """What has been told so far; a notebook shows it."""

    def __init__(self) -> None:
        self.printed, self.errors, self.state = "", "", ""
        self.progress: Progress | None = None
        self.result: Result | None = None

    def tell(self, event: JobEvent) -> None:
        """It happened."""
        if isinstance(event, Text) and event.stderr:
            self.errors = (self.errors + event.text)[-_MOST_SHOWN:]
        elif isinstance(event, (Text, Token)):
            self.printed = (self.printed + event.text)[-_MOST_SHOWN:]
        elif isinstance(event, Progress):
            self.progress = event
        elif isinstance(event, Moved):
            self.state = event.state.value
        elif isinstance(event, Result):
            self.result = event

    def _repr_html_(self) -> str:
        if self.result is not None:
            return self.result._repr_html_()  # pyright: ignore[reportPrivateUsage]
        parts = [f"<div><code>{self.state}</code></div>"] if self.state else []
        if self.progress is not None:
            parts.append(notebook.bar(self.progress.fraction, self.progress.message))
        if self.printed:
            parts.append(notebook.text(self.printed))
        if self.errors:
            parts.append(notebook.text(self.errors, wrong=True))
        return "".join(parts) or "<div>…</div>"

    def __repr__(self) -> str:
        return repr(self.result) if self.result is not None else f"<View {self.state or '…'}>"


def watch(work: Iterable[Event] | Job, *, show: Show | None = None) -> Result:
    """Show a stream or a job until its end; its result.

        em.watch(client.stream("python.run", code=code))
        em.watch(job)

    `show` begins an output in place of the notebook's own. Raises what the work does.
    """
    show = show or _notebook()
    view = View()
    events: Iterable[JobEvent] = work.events() if isinstance(work, Job) else work
    shown, last = (show(view) if show is not None else None), 0.0
    try:
        for event in events:
            view.tell(event)
            if shown is None:
                _print(event)
            elif time.monotonic() - last >= _PAUSE_S:
                shown.update(view)
                last = time.monotonic()
        if isinstance(work, Job):
            view.result = work.result(check=False)
    except AlgorithmFailed as failed:
        view.result = failed.result
    finally:
        if shown is not None:
            shown.update(view)
    assert view.result is not None, "a stream ends with its result"
    return view.result.check()


def _print(event: JobEvent) -> None:
    if isinstance(event, (Text, Token)):
        stream = sys.stderr if isinstance(event, Text) and event.stderr else sys.stdout
        stream.write(event.text)
        stream.flush()
    elif isinstance(event, Progress) and sys.stderr.isatty():
        sys.stderr.write(f"\r{event.fraction:4.0%} {event.message}\033[K")
    elif isinstance(event, Partial) and sys.stderr.isatty():
        sys.stderr.write(f"\r{event.name} is ready\033[K\n")


def _notebook() -> Show | None:
    """The notebook that this runs in; None: a terminal, or none."""
    ipython: Any = sys.modules.get("IPython")
    if ipython is None or not hasattr(ipython.get_ipython(), "kernel"):
        return None

    def begin(obj: Any) -> Shown:
        return ipython.display.display(obj, display_id=True)

    return begin

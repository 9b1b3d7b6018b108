"""Jobs: listed, watched, cancelled, forgotten."""

from __future__ import annotations

from nicegui import ui

from edgemesh_client import JobInfo, JobState
from edgemesh_dashboard.house import House
from edgemesh_dashboard.pages.heading import card
from edgemesh_dashboard.pages.job_watch import JobWatch
from edgemesh_dashboard.pages.notice import Notice
from edgemesh_dashboard.pages.records import Action, Column, Records, Row, State, Tone
from edgemesh_dashboard.visitors import Visitor

_EVERY_S = 2.0
_MOST = 100
_ALL = "All"
_COLUMNS = (
    Column("Job", "code"),
    Column("Algorithm", "code"),
    Column("State", "state"),
    Column("Attempts", "number"),
    Column("Submitted", "short"),
    Column("Took", "number"),
)
_TONES: dict[JobState, Tone] = {
    JobState.QUEUED: "soft",
    JobState.RUNNING: "warn",
    JobState.SUCCEEDED: "good",
    JobState.CANCELLED: "soft",
}


def build(house: House, visitor: Visitor) -> None:
    """Draw it."""
    del house
    with ui.element("div").classes("em-row"):
        names = [_ALL, *(state.value for state in JobState)]
        chosen = ui.select(names, value=_ALL, label="State").props("outlined dense")
        chosen.style("min-width: 10rem")
        ui.label(f"The newest {_MOST}; read anew every {_EVERY_S:g} s.").classes("em-soft")
    notice = Notice()
    with card("Jobs"):
        table = Records(
            "Jobs", _COLUMNS, empty="There are none: the playground can submit one.", actions=True
        )
    with card("Watched job"):
        watched = JobWatch(visitor)

    async def load() -> None:
        states = () if chosen.value == _ALL else (JobState(chosen.value),)
        with notice.telling():
            found = await visitor.client.jobs(states=states, most=_MOST)
            table.show([row(each) for each in found])

    async def cancel(id: str) -> None:
        with notice.telling():
            await (await visitor.client.job(id)).cancel()
            await load()

    async def forget(id: str) -> None:
        with notice.telling():
            await (await visitor.client.job(id)).delete()
            await load()

    def row(job: JobInfo) -> Row:
        short = job.id[:12]
        actions = [
            Action("Watch", f"Watch job {short}", "visibility", lambda: watched.watch(job.id))
        ]
        if job.state.done:
            act = Action("Forget", f"Forget job {short}", "delete", lambda: forget(job.id))
        else:
            act = Action("Cancel", f"Cancel job {short}", "cancel", lambda: cancel(job.id))
        return Row(job.id, _cells(job), (*actions, act))

    chosen.on_value_change(load)
    ui.timer(_EVERY_S, load)


def _cells(job: JobInfo) -> tuple[str | State, ...]:
    took = ""
    if job.started is not None and job.ended is not None:
        took = f"{(job.ended - job.started).total_seconds():.2f} s"
    return (
        job.id,
        job.algorithm,
        State(job.state.value.capitalize(), _TONES.get(job.state, "bad")),
        f"{job.attempts} of {job.max_attempts}",
        f"{job.created:%m-%d %H:%M:%S}",
        took,
    )

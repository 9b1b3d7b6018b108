"""`edgemesh jobs`: work that nobody waits for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from edgemesh_client.cli import completing, shapes
from edgemesh_client.cli.app import STATE, app
from edgemesh_client.cli.examples import examples
from edgemesh_client.cli.show import many, one
from edgemesh_client.job_kinds import JobInfo, JobState

jobs = typer.Typer(help="Jobs: work that nobody waits for.", no_args_is_help=True)
app.add_typer(jobs, name="jobs")
_Id = Annotated[str, typer.Argument(help="The job's id.", autocompletion=completing.jobs)]


def _row(job: JobInfo) -> Sequence[Any]:
    return (job.id, job.state, job.algorithm, job.attempts, job.created, job.ended)


@jobs.command("list", epilog=examples("edgemesh jobs list --state RUNNING"))
def jobs_list(
    state: Annotated[list[JobState] | None, typer.Option(help="Only those.")] = None,
    algorithm: Annotated[str, typer.Option(help="Only of this one.")] = "",
    most: Annotated[int, typer.Option(help="How many.")] = 20,
) -> None:
    """Jobs, newest first."""
    found = STATE.client.jobs(states=state or (), algorithm=algorithm, most=most)
    columns = ("id", "state", "algorithm", "attempts", "submitted", "ended")
    many(shapes.Jobs(tuple(found)), found, columns, _row)


@jobs.command("show", epilog=examples("edgemesh jobs show ID"))
@jobs.command("get", hidden=True)
def jobs_show(id: _Id) -> None:
    """What a job is now."""
    one(STATE.client.job(id).info)


@jobs.command("wait", epilog=examples("edgemesh --timeout 600 jobs wait ID"))
def jobs_wait(id: _Id) -> None:
    """Wait for its result, as long as --timeout says."""
    job = STATE.client.job(id)
    with STATE.output.progress() as progress:
        progress.add_task(f"{job.info.algorithm} {id[:8]}", total=None)
        result = job.result(STATE.client.options.timeout, check=False)
    STATE.output.result(result)
    if STATE.output.as_json and not result.ok:
        raise typer.Exit(1)
    result.check()


@jobs.command("cancel", epilog=examples("edgemesh jobs cancel ID"))
def jobs_cancel(id: _Id) -> None:
    """Ask for its end."""
    one(STATE.client.job(id).cancel())

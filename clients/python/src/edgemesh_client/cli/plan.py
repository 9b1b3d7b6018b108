"""Commands of what is planned: schedules, and chains, which programs hand in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from edgemesh_client.cli import given
from edgemesh_client.cli.app import STATE, app
from edgemesh_client.cli.show import many, one
from edgemesh_client.job_kinds import JobState
from edgemesh_client.plans import ChainInfo, Missed, Plan, ScheduleInfo

schedules = typer.Typer(help="Jobs that are handed in by the clock.", no_args_is_help=True)
app.add_typer(schedules, name="schedules")
chains = typer.Typer(help="Jobs that take what others give.", no_args_is_help=True)
app.add_typer(chains, name="chains")


@schedules.command("create")
def schedules_create(
    id: str,
    cron: Annotated[str, typer.Argument(help="Minute hour day month weekday: '0 3 * * MON-FRI'")],
    algorithm: str,
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", help="NAME=VALUE or NAME=@FILE")
    ] = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", "-i", help="NAME=@FILE.npy, @FILE or numbers")
    ] = None,
    time_zone: Annotated[str, typer.Option(help="As Europe/Berlin.")] = "UTC",
    missed: Annotated[
        Missed, typer.Option(help="What of times at which no gateway was there.")
    ] = Missed.SKIP,
    paused: Annotated[bool, typer.Option("--paused", help="Until it is resumed.")] = False,
    idempotent: Annotated[
        bool, typer.Option("--idempotent", help="Its jobs may run more than once.")
    ] = False,
    webhook: Annotated[str, typer.Option(help="A URL that is told of each job's end.")] = "",
) -> None:
    """Have a job made at each time that a cron expression says."""
    plan = Plan(
        algorithm,
        given.parameters(param or ()),
        given.inputs(inputs or ()),
        idempotent=idempotent,
        webhook=webhook,
    )
    one(
        STATE.client.create_schedule(
            id, cron, plan, time_zone=time_zone, missed=missed, paused=paused
        )
    )


@schedules.command("list")
def schedules_list() -> None:
    """Schedules, by id."""

    def row(each: ScheduleInfo) -> Sequence[Any]:
        coming = "paused" if each.paused else each.next
        return (each.id, each.cron, each.time_zone, each.algorithm, coming, each.fired, each.last)

    columns = ("id", "cron", "zone", "algorithm", "next", "made", "last")
    many("schedules", STATE.client.schedules(), columns, row)


@schedules.command("get")
def schedules_get(id: str) -> None:
    """What a schedule is now."""
    one(STATE.client.schedule(id))


@schedules.command("pause")
def schedules_pause(id: str) -> None:
    """Have it make nothing until it is resumed."""
    one(STATE.client.pause_schedule(id))


@schedules.command("resume")
def schedules_resume(id: str) -> None:
    """Have it go on with its next time."""
    one(STATE.client.resume_schedule(id))


@schedules.command("delete")
def schedules_delete(id: str) -> None:
    """Forget it; jobs that it has made go on."""
    STATE.client.delete_schedule(id)


def _chain(chain: ChainInfo) -> None:
    if STATE.output.as_json:
        STATE.output.json(chain)
        return
    STATE.output.line(f"{chain.id} {chain.state.value}")
    rows = [(name, job.id, job.state, job.algorithm) for name, job in chain.jobs.items()]
    STATE.output.table(("step", "job", "state", "algorithm"), rows)


@chains.command("get")
def chains_get(id: str) -> None:
    """What a chain and its jobs are now."""
    _chain(STATE.client.chain(id))


@chains.command("wait")
def chains_wait(id: str) -> None:
    """Wait until all its jobs have ended, as long as --timeout says."""
    chain = STATE.client.wait_chain(id, STATE.client.options.timeout)
    _chain(chain)
    if chain.state is not JobState.SUCCEEDED:
        raise typer.Exit(1)


@chains.command("cancel")
def chains_cancel(id: str) -> None:
    """Ask for the end of all its jobs."""
    _chain(STATE.client.cancel_chain(id))


@chains.command("delete")
def chains_delete(id: str) -> None:
    """Forget it and its jobs, if all have ended."""
    STATE.client.delete_chain(id)

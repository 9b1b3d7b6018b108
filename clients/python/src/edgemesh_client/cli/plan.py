"""Commands of what is planned: schedules, and chains, which programs hand in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from edgemesh_client.cli import given, shapes
from edgemesh_client.cli.app import STATE, app
from edgemesh_client.cli.examples import examples
from edgemesh_client.cli.run import Inputs, Name, Params
from edgemesh_client.cli.show import deleted, many, one
from edgemesh_client.job_kinds import JobState
from edgemesh_client.plans import ChainInfo, Missed, Plan, ScheduleInfo

schedules = typer.Typer(help="Jobs that are handed in by the clock.", no_args_is_help=True)
app.add_typer(schedules, name="schedules")
chains = typer.Typer(help="Jobs that take what others give.", no_args_is_help=True)
app.add_typer(chains, name="chains")


_Id = Annotated[str, typer.Argument(help="Its name.")]
_Chain = Annotated[str, typer.Argument(help="The chain's id.")]


@schedules.command(
    "create",
    epilog=examples(
        "edgemesh schedules create nightly '0 3 * * MON-FRI' python.run -p code='6 * 7'"
    ),
)
def schedules_create(
    id: _Id,
    cron: Annotated[str, typer.Argument(help="Minute hour day month weekday: '0 3 * * MON-FRI'")],
    algorithm: Name,
    param: Params = None,
    inputs: Inputs = None,
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


@schedules.command("list", epilog=examples("edgemesh schedules list"))
def schedules_list() -> None:
    """Schedules, by id."""

    def row(each: ScheduleInfo) -> Sequence[Any]:
        coming = "paused" if each.paused else each.next
        return (each.id, each.cron, each.time_zone, each.algorithm, coming, each.fired, each.last)

    columns = ("id", "cron", "zone", "algorithm", "next", "made", "last")
    found = STATE.client.schedules()
    many(shapes.Schedules(tuple(found)), found, columns, row)


@schedules.command("show", epilog=examples("edgemesh schedules show nightly"))
@schedules.command("get", hidden=True)
def schedules_show(id: _Id) -> None:
    """What a schedule is now."""
    one(STATE.client.schedule(id))


@schedules.command("pause", epilog=examples("edgemesh schedules pause nightly"))
def schedules_pause(id: _Id) -> None:
    """Have it make nothing until it is resumed."""
    one(STATE.client.pause_schedule(id))


@schedules.command("resume", epilog=examples("edgemesh schedules resume nightly"))
def schedules_resume(id: _Id) -> None:
    """Have it go on with its next time."""
    one(STATE.client.resume_schedule(id))


@schedules.command("delete", epilog=examples("edgemesh schedules delete nightly"))
def schedules_delete(id: _Id) -> None:
    """Forget it; jobs that it has made go on."""
    STATE.client.delete_schedule(id)
    deleted(id)


def _chain(chain: ChainInfo) -> None:
    if STATE.output.as_json:
        STATE.output.json(chain)
        return
    STATE.output.line(f"{chain.id} {chain.state.value}")
    rows = [(name, job.id, job.state, job.algorithm) for name, job in chain.jobs.items()]
    STATE.output.table(("step", "job", "state", "algorithm"), rows)


@chains.command("show", epilog=examples("edgemesh chains show ID"))
@chains.command("get", hidden=True)
def chains_show(id: _Chain) -> None:
    """What a chain and its jobs are now."""
    _chain(STATE.client.chain(id))


@chains.command("wait", epilog=examples("edgemesh --timeout 600 chains wait ID"))
def chains_wait(id: _Chain) -> None:
    """Wait until all its jobs have ended, as long as --timeout says."""
    with STATE.output.progress() as progress:
        progress.add_task(f"chain {id[:8]}", total=None)
        chain = STATE.client.wait_chain(id, STATE.client.options.timeout)
    _chain(chain)
    if chain.state is not JobState.SUCCEEDED:
        raise typer.Exit(1)


@chains.command("cancel", epilog=examples("edgemesh chains cancel ID"))
def chains_cancel(id: _Chain) -> None:
    """Ask for the end of all its jobs."""
    _chain(STATE.client.cancel_chain(id))


@chains.command("delete", epilog=examples("edgemesh chains delete ID"))
def chains_delete(id: _Chain) -> None:
    """Forget it and its jobs, if all have ended."""
    STATE.client.delete_chain(id)
    deleted(id)

"""Commands that look after things: status, algorithms, jobs, sessions, keys, models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from edgemesh_client.cli import given
from edgemesh_client.cli.app import STATE, app
from edgemesh_client.cli.show import many, one
from edgemesh_client.job_kinds import JobInfo, JobState
from edgemesh_client.kinds import (
    Algorithm,
    Key,
    Model,
    SessionInfo,
    TensorSpec,
)

jobs = typer.Typer(help="Jobs: work that nobody waits for.", no_args_is_help=True)
sessions = typer.Typer(help="Sessions of Python.", no_args_is_help=True)
keys = typer.Typer(help="API keys; needs the scope admin.", no_args_is_help=True)
models = typer.Typer(help="Models that an executor serves.", no_args_is_help=True)
for name, group in (("jobs", jobs), ("sessions", sessions), ("keys", keys), ("models", models)):
    app.add_typer(group, name=name)


@app.command()
def status() -> None:
    """Which executors serve, and how many algorithms."""
    found = STATE.client.algorithms()
    count: dict[str, int] = {}
    for each in found:
        count[each.executor] = count.get(each.executor, 0) + 1
    address = STATE.client.options.address
    if STATE.output.as_json:
        STATE.output.json({"address": address, "executors": count})
        return
    STATE.output.line(f"{address} serves {len(found)} algorithms")
    STATE.output.table(("executor", "algorithms"), sorted(count.items()))


@app.command()
def algorithms(
    name: Annotated[str, typer.Argument(help="One algorithm, or a namespace as cpp.")] = "",
) -> None:
    """What can be computed; of one its parameters, inputs and outputs."""
    if "." in name:
        _algorithm(STATE.client.algorithm(name))
        return
    found = STATE.client.algorithms(name)
    many(
        "algorithms",
        found,
        ("name", "version", "executor", "computes"),
        lambda each: (each.name, each.version, each.executor, each.description.split("\n")[0][:80]),
    )


def _algorithm(told: Algorithm) -> None:
    output = STATE.output
    if output.as_json:
        output.json(told)
        return
    output.line(f"{told.name}@{told.version} by {told.executor}", style="bold")
    output.line(told.description)
    required = told.parameters.get("required", ())
    parameters: dict[str, Any] = told.parameters.get("properties", {})
    rows = [
        (f"--param {name}", "required" if name in required else "", _kind(schema),
         schema.get("description", ""))
        for name, schema in parameters.items()
    ]  # fmt: skip
    rows += [("--input " + each.name, "required" if each.required else "", _tensor(each),
              each.description) for each in told.inputs]  # fmt: skip
    rows += [(f"--out {each.name}", "", _tensor(each), each.description) for each in told.outputs]
    output.table(("", "", "is", ""), rows)


def _kind(schema: Any) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    kind = schema.get("type", "any")
    text = kind if isinstance(kind, str) else " | ".join(kind)
    return text + (f" = {schema['default']}" if "default" in schema else "")


def _tensor(spec: TensorSpec) -> str:
    shape = "any shape" if spec.shape is None else f"[{', '.join(map(str, spec.shape))}]"
    return f"{', '.join(spec.dtypes) or 'any'}; {shape}".replace("-1", "n")


def _job_row(job: JobInfo) -> Sequence[Any]:
    return (job.id, job.state, job.algorithm, job.attempts, job.created, job.ended)


@jobs.command("list")
def jobs_list(
    state: Annotated[list[JobState] | None, typer.Option(help="Only those.")] = None,
    algorithm: str = "",
    most: int = 20,
) -> None:
    """Jobs, newest first."""
    found = STATE.client.jobs(states=state or (), algorithm=algorithm, most=most)
    columns = ("id", "state", "algorithm", "attempts", "submitted", "ended")
    many("jobs", found, columns, _job_row)


@jobs.command("get")
def jobs_get(id: str) -> None:
    """What a job is now."""
    one(STATE.client.job(id).info)


@jobs.command("wait")
def jobs_wait(id: str) -> None:
    """Wait for its result, as long as --timeout says."""
    job = STATE.client.job(id)
    result = job.result(STATE.client.options.timeout, check=False)
    STATE.output.result(result)
    if STATE.output.as_json and not result.ok:
        raise typer.Exit(1)
    result.check()


@jobs.command("cancel")
def jobs_cancel(id: str) -> None:
    """Ask for its end."""
    one(STATE.client.job(id).cancel())


@sessions.command("list")
def sessions_list() -> None:
    """Your sessions."""

    def row(each: SessionInfo) -> Sequence[Any]:
        return (each.name, each.calls, each.stored_bytes, each.used, each.expires)

    columns = ("name", "calls", "bytes", "used", "expires")
    many("sessions", STATE.client.sessions(), columns, row)


@sessions.command("inspect")
def sessions_inspect(name: str) -> None:
    """The names that it has."""
    found = STATE.client.session(name).inspect()
    many(
        "variables",
        found,
        ("name", "type", "bytes", "shape"),
        lambda each: (each.name, each.type, each.size_bytes, each.shape or ""),
    )


@sessions.command("fork")
def sessions_fork(name: str, fork: str) -> None:
    """Another one that has all that it has."""
    one(STATE.client.session(name).fork(fork).info())


@sessions.command("undo")
def sessions_undo(name: str, calls: int = 1) -> None:
    """Take its last calls back."""
    one(STATE.client.session(name).undo(calls))


@sessions.command("reset")
def sessions_reset(name: str) -> None:
    """Make it empty."""
    one(STATE.client.session(name).reset())


@sessions.command("export")
def sessions_export(name: str, file: Path) -> None:
    """All of it to a file."""
    given.save(str(file), STATE.client.session(name).export())


@sessions.command("import")
def sessions_import(name: str, file: str) -> None:
    """A session of such a file."""
    one(STATE.client.import_session(name, given.read(file)).info())


@sessions.command("delete")
def sessions_delete(name: str) -> None:
    """Delete it."""
    STATE.client.session(name).delete()


def _key_row(key: Key) -> Sequence[Any]:
    return (key.prefix, key.tenant, key.scopes, key.note, key.created, key.expires, key.revoked)


@keys.command("create")
def keys_create(
    tenant: Annotated[str, typer.Option()],
    scope: Annotated[list[str] | None, typer.Option(help="cpp.*, python.run, admin, …")] = None,
    note: str = "",
    days: Annotated[float, typer.Option(help="0: it does not expire.")] = 0,
) -> None:
    """Make a key: the one line on stdout, which nobody can tell again."""
    key, secret = STATE.client.create_key(tenant, scopes=scope or (), note=note, days=days)
    if STATE.output.as_json:
        STATE.output.json({"key": key, "secret": secret})
        return
    STATE.output.note(f"{key.prefix} of {key.tenant}: keep it, it is not shown again")
    STATE.output.line(secret)


@keys.command("list")
def keys_list(
    tenant: str = "",
    every: Annotated[bool, typer.Option("--all", help="Revoked and expired ones too.")] = False,
) -> None:
    """Keys, newest first."""
    columns = ("prefix", "tenant", "scopes", "note", "made", "expires", "revoked")
    many("keys", STATE.client.keys(tenant=tenant, all=every), columns, _key_row)


@keys.command("revoke")
def keys_revoke(prefix: str) -> None:
    """Revoke one, for good."""
    one(STATE.client.revoke_key(prefix))


_Executor = Annotated[str, typer.Option(help="Where several have models, which.")]


@models.command("list")
@models.command("ls", hidden=True)
def models_list(executor: _Executor = "") -> None:
    """Models, and which of them are loaded."""

    def row(each: Model) -> Sequence[Any]:
        state = "kept" if each.kept else "loaded" if each.loaded else ""
        name = each.name if each.stable else f"{each.name}@{each.version}"
        return (name, each.version, each.task, each.family, state, f"{each.memory_bytes >> 20} MiB")

    columns = ("name", "version", "task", "family", "", "memory")
    many("models", STATE.client.models(executor=executor), columns, row)


@models.command("load")
def models_load(name: str, executor: _Executor = "") -> None:
    """Load one, for which others may be unloaded."""
    one(STATE.client.load_model(name, executor=executor))


@models.command("unload")
def models_unload(name: str, executor: _Executor = "") -> None:
    """Unload one when its calls have ended; the next call loads it again."""
    one(STATE.client.unload_model(name, executor=executor))

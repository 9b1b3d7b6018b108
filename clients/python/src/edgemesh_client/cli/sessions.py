"""`edgemesh sessions`: Python that goes on from call to call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from edgemesh_client.cli import completing, given, shapes
from edgemesh_client.cli.app import STATE, app
from edgemesh_client.cli.examples import examples
from edgemesh_client.cli.show import deleted, many, one
from edgemesh_client.kinds import SessionInfo

sessions = typer.Typer(help="Sessions of Python.", no_args_is_help=True)
app.add_typer(sessions, name="sessions")
_Name = Annotated[str, typer.Argument(help="The session.", autocompletion=completing.sessions)]


@sessions.command("list", epilog=examples("edgemesh sessions list"))
def sessions_list() -> None:
    """Your sessions."""

    def row(each: SessionInfo) -> Sequence[Any]:
        return (each.name, each.calls, each.stored_bytes, each.used, each.expires)

    columns = ("name", "calls", "bytes", "used", "expires")
    found = STATE.client.sessions()
    many(shapes.Sessions(tuple(found)), found, columns, row)


@sessions.command("inspect", epilog=examples("edgemesh sessions inspect mine"))
def sessions_inspect(name: _Name) -> None:
    """The names that it has."""
    found = STATE.client.session(name).inspect()
    many(
        shapes.Variables(tuple(found)),
        found,
        ("name", "type", "bytes", "shape"),
        lambda each: (each.name, each.type, each.size_bytes, each.shape or ""),
    )


@sessions.command("fork", epilog=examples("edgemesh sessions fork mine other"))
def sessions_fork(
    name: _Name, fork: Annotated[str, typer.Argument(help="The new one's name.")]
) -> None:
    """Another one that has all that it has."""
    one(STATE.client.session(name).fork(fork).info())


@sessions.command("undo", epilog=examples("edgemesh sessions undo mine --calls 2"))
def sessions_undo(name: _Name, calls: Annotated[int, typer.Option(help="How many.")] = 1) -> None:
    """Take its last calls back."""
    one(STATE.client.session(name).undo(calls))


@sessions.command("reset", epilog=examples("edgemesh sessions reset mine"))
def sessions_reset(name: _Name) -> None:
    """Make it empty."""
    one(STATE.client.session(name).reset())


@sessions.command("export", epilog=examples("edgemesh sessions export mine mine.session"))
def sessions_export(name: _Name, file: Annotated[Path, typer.Argument(help="Where to.")]) -> None:
    """All of it to a file."""
    data = STATE.client.session(name).export()
    given.save(str(file), data)
    if STATE.output.as_json:
        STATE.output.json(shapes.Exported(name, str(file), len(data)))


@sessions.command("import", epilog=examples("edgemesh sessions import again mine.session"))
def sessions_import(
    name: Annotated[str, typer.Argument(help="The new one's name.")],
    file: Annotated[str, typer.Argument(help="What export has written; - for stdin.")],
) -> None:
    """A session of such a file."""
    one(STATE.client.import_session(name, given.read(file)).info())


@sessions.command("delete", epilog=examples("edgemesh sessions delete mine"))
def sessions_delete(name: _Name) -> None:
    """Delete it."""
    STATE.client.session(name).delete()
    deleted(name)

"""`edgemesh python`: a program in the sandbox, or a conversation with a session."""

from __future__ import annotations

from typing import Annotated

import typer

from edgemesh_client.cli import completing, given
from edgemesh_client.cli.app import STATE, app
from edgemesh_client.cli.examples import examples
from edgemesh_client.cli.run import check
from edgemesh_client.cli.streaming import streamed

python = typer.Typer(help="Python in the sandbox.", no_args_is_help=True)
app.add_typer(python, name="python")


@python.command(
    "run",
    epilog=examples(
        "edgemesh python run program.py", "echo 'print(6 * 7)' | edgemesh python run -"
    ),
)
def python_run(
    file: Annotated[str, typer.Argument(help="The program; - for stdin.")],
    session: Annotated[
        str,
        typer.Option(help="A session that it goes on in.", autocompletion=completing.sessions),
    ] = "",
) -> None:
    """Run a program in the sandbox; what it prints is shown while it runs."""
    code = given.text(file)
    result = streamed("python.run", {"code": code}, session)
    STATE.output.result(result, printed=True)
    check(result)


@python.command("repl", epilog=examples("edgemesh python repl --session mine"))
def python_repl(
    session: Annotated[
        str,
        typer.Option(
            help="A session's name; it stays afterwards.", autocompletion=completing.sessions
        ),
    ] = "",
) -> None:
    """Python in a session: %vars, %undo, %reset; ends with Ctrl-D.

    Enter ends a statement, Tab completes the session's names, and what was typed is remembered.
    """
    # What reads lines takes as long to import as all else together.
    from edgemesh_client.cli.repl import converse

    with STATE.client.session(session or None) as going:
        converse(going)

"""Whether somebody means it, before what cannot be undone."""

from __future__ import annotations

import sys

import typer

from edgemesh_client.cli.app import STATE
from edgemesh_client.cli.given import BadInput


def sure(question: str) -> None:
    """Ask; ends the command with 1 where the answer is no. Raises BadInput where nobody answers."""
    if sys.stdin is not None and sys.stdin.isatty():
        meant = typer.confirm(question, err=True)
    else:  # typer would write to stdout
        if not STATE.output.as_json:
            STATE.output.note(f"{question} [y/N]")
        answer = "" if sys.stdin is None else sys.stdin.readline()
        if not answer:
            raise BadInput("nobody answers, and --yes is not given")
        meant = answer.strip().lower() in ("y", "yes")
    if not meant:
        raise typer.Exit(1)

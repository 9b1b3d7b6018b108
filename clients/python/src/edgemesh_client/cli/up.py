"""`edgemesh up`: a mesh on this machine, from a checkout, until Ctrl-C."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from edgemesh_client.cli import house
from edgemesh_client.cli.app import STATE, app
from edgemesh_client.cli.examples import examples
from edgemesh_client.cli.shapes import UpShape

_SERVES = re.compile(r"the mesh is up at ([^\s,;]+)(?:, REST at ([^\s,;]+))?")
Checkout = Annotated[
    Path | None, typer.Option(help="A checkout of edgemesh; by default the one around here.")
]


@app.command(
    epilog=examples("edgemesh up", "EDGEMESH_GATEWAY_PORT=50052 edgemesh up --executors cpp,ml")
)
def up(
    executors: Annotated[str, typer.Option(help="Only these, as cpp,ml; default: all.")] = "",
    checkout: Checkout = None,
) -> None:
    """Run a mesh on this machine, until Ctrl-C; what is missing is built before.

    Its log is shown; with --json it goes to stderr, and one document says that the mesh serves.
    """
    script = house.required(checkout, "edgemesh up").bootstrap
    words = ["sh", str(script), "up", "--executors", executors, "--only", ""]
    if not STATE.output.as_json:
        with subprocess.Popen(words) as mesh, _passing_on(mesh):
            code = mesh.wait()
    else:
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as mesh, _passing_on(mesh):
            _tell(mesh)
            code = mesh.wait()
    if code:
        raise typer.Exit(4)


def _tell(mesh: subprocess.Popen[str]) -> None:
    if mesh.stdout is None:
        raise AssertionError("its output is a pipe")
    for line in mesh.stdout:
        sys.stderr.write(line)
        found = _SERVES.search(line)
        if found is not None:
            STATE.output.json(UpShape(found[1], found[2]))
            sys.stdout.flush()


@contextmanager
def _passing_on(mesh: subprocess.Popen[str] | subprocess.Popen[bytes]) -> Generator[None]:
    """Signals are the mesh's: it stops in good order, and then we do. The terminal sends Ctrl-C to
    both of us."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        mesh.terminate()

    before = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, stop),
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

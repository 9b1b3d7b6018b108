"""`edgemesh run`: any algorithm, with arrays from files and to files, as a job, or drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgemesh_client.cli import completing, given, plot
from edgemesh_client.cli.app import STATE, app
from edgemesh_client.cli.examples import examples
from edgemesh_client.result import Result

Name = Annotated[
    str, typer.Argument(help="As cpp.fft, or cpp.fft@1.", autocompletion=completing.algorithms)
]
Params = Annotated[list[str] | None, typer.Option("--param", "-p", help="NAME=VALUE or NAME=@FILE")]
Inputs = Annotated[
    list[str] | None, typer.Option("--input", "-i", help="NAME=@FILE.npy, @FILE or numbers")
]


@app.command(
    epilog=examples(
        "edgemesh run cpp.fft --input x=@data.npy --param norm=ortho --plot",
        "edgemesh run cpp.fft --input x=[0,1,0,-1] --out y=@y.npy",
    )
)
def run(
    algorithm: Name,
    param: Params = None,
    inputs: Inputs = None,
    out: Annotated[
        list[str] | None, typer.Option("--out", "-o", help="NAME=@FILE, where the output goes")
    ] = None,
    drawn: Annotated[bool, typer.Option("--plot", help="Draw what comes in the terminal.")] = False,
    picture: Annotated[
        Path | None, typer.Option("--plot-to", help="Draw it to a .png, .svg or .pdf.")
    ] = None,
    job: Annotated[bool, typer.Option("--job", help="Submit it as a job; prints its id.")] = False,
    webhook: Annotated[str, typer.Option(help="Of a job: a URL that is told of its end.")] = "",
) -> None:
    """Run an algorithm."""
    parameters, tensors = given.parameters(param or ()), given.inputs(inputs or ())
    places = given.pairs("--out", out or ())
    if picture is not None:
        plot.check(picture)
    if job and (places or drawn or picture):
        raise given.BadInput("--job: its outputs come by `edgemesh jobs`, not by --out or --plot")
    if webhook and not job:
        raise given.BadInput("--webhook: of a job, so with --job")
    if job:
        submitted = STATE.client.submit(
            algorithm, webhook=webhook, parameters=parameters, tensors=tensors
        )
        if STATE.output.as_json:
            STATE.output.json(submitted.info)
        else:
            STATE.output.line(submitted.id)
        return
    with STATE.output.progress() as progress:
        progress.add_task(algorithm, total=None)
        result = STATE.client.compute(
            algorithm, parameters=parameters, tensors=tensors, check=False
        )
    if result.ok:
        _save(result, places)
        if picture is not None:
            plot.save(result.outputs, picture)
    if result.ok and (places or drawn or picture) and not STATE.output.as_json:
        STATE.output.write(result.stdout)
        if drawn:
            STATE.output.write(plot.text(result.outputs, colours=STATE.output.live))
    else:
        STATE.output.result(result)
    check(result)


def _save(result: Result, places: dict[str, str]) -> None:
    for name, place in places.items():
        if name not in result.outputs:
            there = ", ".join(result.outputs) or "none"
            raise given.BadInput(f"--out {name!r}: there is no such output, but {there}")
        given.save(place, result.outputs[name])


def check(result: Result) -> None:
    """End with 1 where it failed; the failure is in the JSON already."""
    if not result.ok and STATE.output.as_json:
        raise typer.Exit(1)
    result.check()

"""`edgemesh doctor`: from the socket upwards, each thing that must be right, and what mends it.

    way      address, tls, key       from here to a gateway that lets us in
    mesh     gateway, …, clock       what the gateway tells, and a small call of each executor
    machine  python, memory, …       whether a mesh could run here; asked where none is reached on
                                     this machine, or with --machine
    making   tools, ports            whether it could be built and started, where a checkout is

Rules: a check is named the same for ever; what makes no sense after a finding is left out; nothing
that it does has an effect.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from edgemesh_client.cli.app import STATE, app
from edgemesh_client.cli.doctor import machine, making, mesh, way
from edgemesh_client.cli.examples import examples
from edgemesh_client.cli.shapes import Finding, Findings
from edgemesh_client.errors import ConfigurationError
from edgemesh_client.options import Options


@app.command(epilog=examples("edgemesh doctor", "edgemesh --address https://mesh.lab:443 doctor"))
def doctor(
    here: Annotated[
        bool, typer.Option("--machine", help="Look at this machine too, though a mesh is reached.")
    ] = False,
) -> None:
    """What is wrong, and the command that mends it; ends with 4 if something is.

    Where no mesh is reached on this machine, it looks why none could run.
    """
    findings = tuple(_examine(here))
    well = all(each.ok for each in findings)
    output = STATE.output
    if output.as_json:
        output.json(Findings(well, findings))
    else:
        for each in findings:
            style = "green" if each.ok else "red"
            output.line(f"{'ok ' if each.ok else 'BAD'} {each.check:<12} {each.found}", style)
            if not each.ok:
                output.line(f"    {each.mend}")
    if not well:
        raise typer.Exit(4)


def _examine(here: bool) -> Iterator[Finding]:
    try:
        options = Options.settle(**STATE.said)
    except ConfigurationError as error:
        yield Finding("address", False, str(error), way.reconfigure(error))
        return
    reached = True
    for finding in way.examine(options):
        reached &= finding.ok
        yield finding
    if reached:
        yield from mesh.examine(STATE.said, options)
    if here or (not reached and way.is_here(options)):
        yield from machine.examine()
        yield from making.examine(running=reached)

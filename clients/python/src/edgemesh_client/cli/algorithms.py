"""`edgemesh algorithms`: what can be computed, and how one of them is called."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from edgemesh_client.cli import completing, shapes
from edgemesh_client.cli.app import STATE, app
from edgemesh_client.cli.examples import examples
from edgemesh_client.cli.show import many
from edgemesh_client.kinds import Algorithm, TensorSpec


@app.command(epilog=examples("edgemesh algorithms cpp", "edgemesh algorithms cpp.fft"))
def algorithms(
    name: Annotated[
        str,
        typer.Argument(
            help="One algorithm, or a namespace as cpp.", autocompletion=completing.algorithms
        ),
    ] = "",
) -> None:
    """What can be computed; of one its parameters, inputs and outputs."""
    if "." in name:
        _one(STATE.client.algorithm(name))
        return
    found = STATE.client.algorithms(name)
    many(
        shapes.Algorithms(tuple(found)),
        found,
        ("name", "version", "executor", "computes"),
        lambda each: (each.name, each.version, each.executor, each.description.split("\n")[0][:80]),
    )


def _one(told: Algorithm) -> None:
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

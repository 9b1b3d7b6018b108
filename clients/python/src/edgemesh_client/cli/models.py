"""`edgemesh models`: what an executor serves and has loaded; and, on its own machine, which lie in
its folder.

Rules: the mesh has no service that fetches or deletes a model, for it takes no paths and URLs from
callers. So `pull` and `rm` change this machine's models folder, which a running executor notices.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from edgemesh_client.cli import completing, house, shapes
from edgemesh_client.cli.app import STATE, app
from edgemesh_client.cli.asking import sure
from edgemesh_client.cli.examples import examples
from edgemesh_client.cli.given import BadInput
from edgemesh_client.cli.show import many, one
from edgemesh_client.cli.up import Checkout
from edgemesh_client.kinds import Model

models = typer.Typer(help="Models that an executor serves.", no_args_is_help=True)
app.add_typer(models, name="models")
_Executor = Annotated[str, typer.Option(help="Where several have models, which.")]
_Name = Annotated[
    str, typer.Argument(help="NAME or NAME@VERSION", autocompletion=completing.models)
]
_ENDS = (".gguf", ".onnx")
_SCRATCH = ".removing-"


@models.command("ls", epilog=examples("edgemesh models ls"))
@models.command("list", hidden=True)
def models_list(executor: _Executor = "") -> None:
    """Models that are served, and which of them are loaded."""

    def row(each: Model) -> Sequence[Any]:
        state = "kept" if each.kept else "loaded" if each.loaded else ""
        name = each.name if each.stable else f"{each.name}@{each.version}"
        return (name, each.version, each.task, each.family, state, f"{each.memory_bytes >> 20} MiB")

    columns = ("name", "version", "task", "family", "", "memory")
    found = STATE.client.models(executor=executor)
    many(shapes.Models(tuple(found)), found, columns, row)


@models.command("pull", epilog=examples("edgemesh models pull my-model@2 ./my-model.gguf"))
def models_pull(
    name: _Name,
    source: Annotated[str, typer.Argument(help="A folder, a GGUF file, a wheel or zip, or a URL.")],
    sha256: Annotated[str, typer.Option(help="What the file must have.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="In the place of another.")] = False,
    checkout: Checkout = None,
) -> None:
    """Put a model into this machine's folder; a running executor serves it then.

    A download that was cut goes on where it ended. It works where the ML executor has been built.
    """
    root = house.required(checkout, "edgemesh models pull").root
    python = root / "executor_ml" / ".venv" / "bin" / "python"
    if not python.exists():
        raise BadInput(f"{python} is not there: make build EXECUTORS=ml")
    folder = house.models_folder()
    words = ["-m", "edgemesh_executor_ml.pull", name, source, "--models", str(folder)]
    words += ["--sha256", sha256] * bool(sha256) + ["--replace"] * replace
    with STATE.output.progress() as progress:
        task = progress.add_task(name, total=None)
        with subprocess.Popen(
            [str(python), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as pulling:
            if pulling.stdout is None or pulling.stderr is None:
                raise AssertionError("its output is a pipe")
            for line in pulling.stdout:
                progress.update(task, description=line.strip())
            said = pulling.stderr.read().strip()
    if pulling.returncode:
        raise BadInput(said or f"{name}: it was ended by signal {-pulling.returncode}")
    one(shapes.ModelFile(name, str(_lies(folder, name))))


@models.command("rm", epilog=examples("edgemesh models rm my-model@2"))
def models_rm(
    name: _Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a model from this machine's folder; what is being computed with it ends first."""
    folder = house.models_folder()
    place = _lies(folder, name)
    if not yes:
        sure(f"delete {place}?")
    # Renamed first: a model is never seen in part.
    with tempfile.TemporaryDirectory(dir=folder, prefix=_SCRATCH) as scratch:
        gone = place.rename(Path(scratch) / place.name)
        if gone.is_dir():
            shutil.rmtree(gone)
    one(shapes.ModelFile(name, str(place)))


def _lies(folder: Path, name: str) -> Path:
    """Where it is. Raises BadInput where it is not."""
    if not name or "/" in name or name.startswith("."):
        raise BadInput(f"{name!r} is no model's name")
    if (folder / name).is_dir():
        return folder / name
    found = next((each for end in _ENDS if (each := folder / f"{name}{end}").is_file()), None)
    if found is None:
        raise BadInput(f"{name}: there is no such model in {folder}")
    return found


@models.command("load", epilog=examples("edgemesh models load all-minilm-l6-v2"))
def models_load(name: _Name, executor: _Executor = "") -> None:
    """Load one, for which others may be unloaded."""
    with STATE.output.progress() as progress:
        progress.add_task(f"loading {name}", total=None)
        loaded = STATE.client.load_model(name, executor=executor)
    one(loaded)


@models.command("unload", epilog=examples("edgemesh models unload all-minilm-l6-v2"))
def models_unload(name: _Name, executor: _Executor = "") -> None:
    """Unload one when its calls have ended; the next call loads it again."""
    one(STATE.client.unload_model(name, executor=executor))

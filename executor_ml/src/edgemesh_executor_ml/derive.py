"""What a model is that came without a `model.json`: a lone GGUF, or a folder as transformers saves
it.

Rules: everything that the model needs must be there, and whole; what is not may still be coming.
The name is the file's or folder's; what follows an @ in it is the version.
"""

from __future__ import annotations

from pathlib import Path

from edgemesh_executor_ml import safetensors
from edgemesh_executor_ml.gguf import Header
from edgemesh_executor_ml.manifest import File, Incomplete, Manifest, Unusable, digest
from edgemesh_executor_ml.tasks import TASKS, supported, told_by

GGUF = ".gguf"


def derive(path: Path) -> Manifest:
    """The manifest of a folder or a GGUF file. Raises Incomplete, Unusable, OSError."""
    if path.is_file():
        return _of_gguf(path, path.parent, path.stem)
    files = sorted(path.glob(f"*{GGUF}"))
    if not (path / "config.json").is_file() and files:
        if len(files) > 1:
            raise Unusable(f"{len(files)} files end in {GGUF}, expected one")
        return _of_gguf(files[0], path, path.name)
    return _of_folder(path)


def _of_gguf(path: Path, folder: Path, name: str) -> Manifest:
    texts = Header(path).texts
    family = texts.get("general.architecture", "")
    supported("generate", family)
    described = texts.get("general.name", "")[:256]
    licence = texts.get("general.license", "")[:64]
    return _manifest(name, "generate", family, licence, described, folder, [path.name])


def _of_folder(folder: Path) -> Manifest:
    config = safetensors.json_of(folder / "config.json")
    name, family = told_by(config)
    task = TASKS[name]
    weights = safetensors.check(folder)
    needs = [_there(folder, names) for names in task.needs]
    for file in needs:
        safetensors.json_of(folder / file)
    others = [file for file in task.optional if (folder / file).is_file()]
    for file in others:
        if file.endswith(".json") and file != "modules.json":
            safetensors.json_of(folder / file)
    described = ", ".join(str(each) for each in config.get("architectures") or ())[:256]
    names = ["config.json", *needs, *weights, *others]
    return _manifest(folder.name, name, family, "", described, folder, names)


def _there(folder: Path, names: str | tuple[str, ...]) -> str:
    """Of several names the one that there is, or the first."""
    names = (names,) if isinstance(names, str) else names
    return next((name for name in names if (folder / name).is_file()), names[0])


def _manifest(
    name: str,
    task: str,
    family: str,
    licence: str,
    description: str,
    folder: Path,
    files: list[str],
) -> Manifest:
    name, _, version = name.partition("@")
    try:
        found = tuple(
            File(file, (folder / file).stat().st_size, digest(folder / file)) for file in files
        )
    except FileNotFoundError as error:
        raise Incomplete(f"{error.filename} has gone") from None
    return Manifest(
        name=name,
        task=task,
        family=family,
        licence=licence or "unknown",
        version=version or "1",
        description=description,
        files=found,
    )

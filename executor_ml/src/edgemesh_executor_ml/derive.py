"""What a model is that came without a `model.json`: a lone GGUF or graph in ONNX, or a folder as
transformers saves it.

Rules: everything that the model needs must be there, and whole; what is not may still be coming.
The name is the file's or folder's; what follows an @ in it is the version.
"""

from __future__ import annotations

from pathlib import Path

from edgemesh_executor_ml import safetensors
from edgemesh_executor_ml.gguf import Header
from edgemesh_executor_ml.manifest import File, Incomplete, Manifest, Unusable, digest
from edgemesh_executor_ml.tasks import ONNX, TASKS, supported, told_by

GGUF = ".gguf"
GRAPH = ".onnx"
LONE = (GGUF, GRAPH)
"""What a model may end in that is one file."""
MODEL = f"model{GRAPH}"
"""The graph that is served where a folder has several."""


def stem(name: str) -> str:
    """An entry's name without what says that it is one file."""
    return next((name.removesuffix(end) for end in LONE if name.endswith(end)), name)


def derive(path: Path) -> Manifest:
    """The manifest of a folder or of one file. Raises Incomplete, Unusable, OSError."""
    if path.is_file():
        if path.suffix == GRAPH:
            return _of_graph(path.parent, path.stem, [path.name])
        return _of_gguf(path, path.parent, path.stem)
    graphs = sorted(path.glob(f"*{GRAPH}"))
    if graphs and not any(path.glob("*.safetensors")):
        return _of_graphs(graphs, path)
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


def _of_graphs(paths: list[Path], folder: Path) -> Manifest:
    """Of a folder whose weights are graphs; a config.json may say what they are for."""
    task, optional = ONNX, ("config.json", *TASKS[ONNX].optional)
    if (folder / "config.json").is_file():
        told = str(safetensors.json_of(folder / "config.json").get("model_type", ""))
        fitting = [name for name, each in TASKS.items() if told in each.families]
        task = next((name for name in fitting if TASKS[name].weights == ONNX), ONNX)
    if task == ONNX and len(paths) > 1 and not (folder / "model.onnx").is_file():
        raise Unusable(f"{len(paths)} files end in {GRAPH}, expected one, or model.onnx")
    names = [path.name for path in paths] if task != ONNX or len(paths) == 1 else ["model.onnx"]
    others = [file for file in optional if (folder / file).is_file()]
    return _of_graph(folder, folder.name, [*names, *others], task)


def _of_graph(folder: Path, name: str, files: list[str], task: str = ONNX) -> Manifest:
    return _manifest(name, task, TASKS[task].families[0], "", "", folder, files)


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

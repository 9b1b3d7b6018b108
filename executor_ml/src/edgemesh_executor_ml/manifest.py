"""A model folder's `model.json`: what the model is, and which files make it whole.

Rules: a folder without a manifest is no model (it may still be being copied); a manifest is
written last; a file of another size than it says makes the folder unusable, and is named.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

FILE_NAME = "model.json"


class BadModel(Exception):
    """A model folder cannot be used."""

    def __init__(self, folder: Path, problem: str) -> None:
        self.folder, self.problem = folder, problem
        super().__init__(f"{folder}: {problem}")


@dataclass(frozen=True, slots=True)
class File:
    """One file of a model."""

    path: str
    """Relative to the model's folder."""
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """One model."""

    name: str
    task: str
    """`embed` or `generate`."""
    family: str
    """`bert` or `llama`."""
    licence: str
    version: str
    description: str
    files: tuple[File, ...]

    def dump(self) -> str:
        """As text of `model.json`."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def file(self, suffix: str, folder: Path) -> Path:
        """The one file that ends in `suffix`. Raises BadModel."""
        found = [file.path for file in self.files if file.path.endswith(suffix)]
        if len(found) != 1:
            raise BadModel(folder, f"{len(found)} files end in {suffix}, expected one")
        return folder / found[0]


def load(folder: Path) -> Manifest:
    """Read and check a folder's manifest and the sizes of its files. Raises BadModel."""
    try:
        table = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
        manifest = _parse(table)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadModel(folder, f"{FILE_NAME}: {error}") from error
    for file in manifest.files:
        path = folder / file.path
        size = path.stat().st_size if path.is_file() else -1
        if size != file.bytes:
            has = f"has {size} bytes" if size >= 0 else "is missing"
            raise BadModel(folder, f"{file.path} {has}, expected {file.bytes}")
    return manifest


def _parse(table: Mapping[str, Any]) -> Manifest:
    files = tuple(
        File(_relative(file["path"]), int(file["bytes"]), str(file["sha256"]))
        for file in cast("list[dict[str, Any]]", table["files"])
    )
    texts = ("name", "task", "family", "licence", "version", "description")
    return Manifest(**{name: str(table[name]) for name in texts}, files=files)


def _relative(path: str) -> str:
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise ValueError(f"{path!r} leaves the folder")
    return path

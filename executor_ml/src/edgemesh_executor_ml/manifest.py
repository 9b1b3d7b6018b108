"""A model folder's `model.json`: what the model is, and which files make it whole.

Rules: a manifest says which files make the model whole; a folder in which one is missing or has
another size may still be being copied, and is incomplete; whatever else is wrong is named.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

FILE_NAME = "model.json"
_MOST_BYTES = 4 << 20


class Unusable(Exception):
    """A model can never be used as it is."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        """`remedy`: what would mend it, where that is not the model's files."""
        super().__init__(reason)
        self.remedy = remedy


class Incomplete(Unusable):
    """It may still be being copied."""


class BadModel(Exception):
    """A model folder cannot be used."""

    def __init__(self, folder: Path, problem: str, incomplete: bool = False) -> None:
        """`incomplete`: it may still be being copied."""
        self.folder, self.problem, self.incomplete = folder, problem, incomplete
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
    """One of tasks.TASKS."""
    family: str
    """One of the task's."""
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
        with (folder / FILE_NAME).open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            raise BadModel(folder, f"{FILE_NAME}: larger than {_MOST_BYTES} bytes")
        manifest = parse(json.loads(text))
    except (OSError, ValueError) as error:
        raise BadModel(folder, f"{FILE_NAME}: {error}", incomplete=True) from error
    except KeyError as error:
        raise BadModel(folder, f"{FILE_NAME}: {error} is missing") from error
    except (TypeError, RecursionError) as error:
        raise BadModel(folder, f"{FILE_NAME}: {error}") from error
    for file in manifest.files:
        path = folder / file.path
        size = path.stat().st_size if path.is_file() else -1
        if size != file.bytes:
            has = f"has {size} bytes" if size >= 0 else "is missing"
            raise BadModel(folder, f"{file.path} {has}, expected {file.bytes}", incomplete=True)
    return manifest


def parse(table: Mapping[str, Any]) -> Manifest:
    """A manifest of its JSON. Raises ValueError, KeyError, TypeError."""
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


def digest(path: Path) -> str:
    """A file's SHA-256. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

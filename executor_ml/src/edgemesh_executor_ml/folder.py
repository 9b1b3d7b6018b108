"""The models' folder as it lies there: one entry for each model, and whether it has changed.

Rules: nothing is opened; hidden files and what cannot be a model are passed over. An entry is a
folder, or a lone GGUF or ONNX file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgemesh_executor_ml.derive import GGUF, GRAPH, LONE
from edgemesh_executor_ml.manifest import FILE_NAME

STILL_S = 0.4
"""How long nothing has changed of a model without a manifest before it may be a whole one."""
STILL_DESCRIBED_S = 0.1
_MOST_DEPTH = 3
_MOST_FILES = 2000
PYTHON = "model.py"
"""A model in Python: the Python executor's, which may have the same folder."""
_MARKS = (FILE_NAME, "config.json")
_WEIGHTS = (GGUF, GRAPH, ".safetensors", ".bin", ".pt", ".pth", ".pkl", ".ckpt")


@dataclass(frozen=True, slots=True)
class Seen:
    """A model's files: enough to notice that one has changed."""

    files: tuple[tuple[str, int, int, int], ...]
    """Path, inode, size and time of each."""

    @property
    def described(self) -> bool:
        """Whether it has a manifest."""
        return any(path == FILE_NAME for path, *_ in self.files)

    def still(self, since: float, now: float) -> bool:
        """Whether nothing has changed for a while; `since`: when it was first seen so, Unix time.

        The files' own times count only where they tell of a longer while.
        """
        newest = max(changed for *_, changed in self.files) / 1e9
        wait = STILL_DESCRIBED_S if self.described else STILL_S
        return now - min(since, newest) >= wait


def look(models: Path) -> dict[str, Seen]:
    """What lies there, by the entries' names; nothing where it cannot be read."""
    found: dict[str, Seen] = {}
    try:
        names = sorted(entry for entry in os.listdir(models) if not entry.startswith("."))
    except OSError:
        return {}
    for name in names:
        files = tuple(sorted(_files(models / name, "", 0))[:_MOST_FILES])
        if _is_model(name, files):
            found[name] = Seen(files)
    return found


def now() -> float:
    """Unix time, as files have it."""
    return time.time()


def _is_model(name: str, files: tuple[tuple[str, int, int, int], ...]) -> bool:
    if len(files) == 1 and not files[0][0]:
        return name.endswith(LONE)
    if any(path == PYTHON for path, *_ in files):
        return False
    return any(path in _MARKS or path.endswith(_WEIGHTS) for path, *_ in files)


def _files(path: Path, inside: str, depth: int) -> Iterator[tuple[str, int, int, int]]:
    try:
        status = path.stat()
        if not path.is_dir():
            yield inside, status.st_ino, status.st_size, max(status.st_mtime_ns, status.st_ctime_ns)
        elif depth < _MOST_DEPTH:
            for name in os.listdir(path):
                if not name.startswith("."):
                    yield from _files(path / name, f"{inside}/{name}".lstrip("/"), depth + 1)
    except OSError:
        return

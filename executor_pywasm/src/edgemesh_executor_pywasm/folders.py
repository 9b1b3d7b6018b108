"""The operator's folders whose files programs may be granted, as they are when a worker starts.

Rules: regular files alone, no links; all of them are in the worker's memory before its walls
stand, for behind them it can open none. A folder that is too large keeps workers from starting,
and says so.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from mesh_service.executor.capabilities import covered

BELOW = "files"
"""Where they lie for a program: /inputs/files/<name>/…"""
MOST_FILES = 1_000
MOST_BYTES = 256 << 20


class FolderTooLarge(Exception):
    """The folder `name` has more files or bytes than are taken."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"the folder {name!r} has more than {MOST_FILES} files or {MOST_BYTES} bytes"
        )


class Folders:
    """Folders by their names."""

    def __init__(self, folders: Mapping[str, str]) -> None:
        """Read them. Raises FolderTooLarge, OSError."""
        self._files = {name: _read(name, Path(folder)) for name, folder in folders.items()}

    def granted(self, grants: Iterable[str]) -> dict[str, bytes]:
        """The files that these grants open, by their paths below /inputs."""
        grants = list(grants)
        return {
            f"{BELOW}/{name}/{path}": data
            for name, files in self._files.items()
            if covered(grants, f"files:{name}")
            for path, data in files.items()
        }


def _read(name: str, folder: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    left = MOST_BYTES
    for above, below, names in os.walk(folder):
        below.sort()
        for each in sorted(names):
            path = Path(above, each)
            if path.is_symlink() or not path.is_file():
                continue
            data = path.read_bytes()
            left -= len(data)
            if left < 0 or len(files) == MOST_FILES:
                raise FolderTooLarge(name)
            files[path.relative_to(folder).as_posix()] = data
    return files

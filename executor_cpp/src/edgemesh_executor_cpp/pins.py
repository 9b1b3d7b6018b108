"""Which version of a plugin is the default: the newest, unless one is pinned.

    python -m edgemesh_executor_cpp.pins FOLDER                  what is pinned
    python -m edgemesh_executor_cpp.pins FOLDER NAME VERSION     pin it: the way to roll back
    python -m edgemesh_executor_cpp.pins FOLDER NAME newest      the newest again

Rules: pins are a file in the plugins' folder, {"<plugin>": "<version>"}, which the executor heeds
as soon as it changes. One that cannot be read changes nothing; one of a version that there is not
waits for it.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from mesh_service import logs

FILE = "pins.json"
NEWEST = "newest"


class BadPins(Exception):
    """The file of pins makes no sense."""


def read(folder: Path) -> dict[str, str]:
    """The pins of a folder: plugin → version. Raises BadPins."""
    try:
        value = json.loads((folder / FILE).read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BadPins(f"{FILE}: {error}") from None
    if not isinstance(value, dict) or not all(
        isinstance(version, str) for version in cast(dict[str, Any], value).values()
    ):
        raise BadPins(f'{FILE}: must be {{"<plugin>": "<version>"}}')
    return cast(dict[str, str], value)


class Watched:
    """The pins of some folders, as they change."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._of: dict[Path, dict[str, str]] = {folder: {} for folder in folders}
        self._seen: dict[Path, tuple[int, int] | None] = dict.fromkeys(self._of)

    def changed(self) -> dict[str, str] | None:
        """All pins, if they are others than before; what cannot be read stays as it was."""
        before = self._all()
        for folder in self._of:
            try:
                status = (folder / FILE).stat()
                seen = (status.st_mtime_ns, status.st_size)
            except OSError:
                seen = None
            if seen == self._seen[folder]:
                continue
            self._seen[folder] = seen
            try:
                self._of[folder] = read(folder)
            except BadPins as error:
                logs.event("bad pins", level=logging.WARNING, folder=str(folder), error=str(error))
        now = self._all()
        return None if now == before else now

    def _all(self) -> dict[str, str]:
        return {name: version for each in self._of.values() for name, version in each.items()}


def write(folder: Path, pins: dict[str, str]) -> None:
    """Replace the file, whole or not at all."""
    fresh = folder / f".{FILE}.{os.getpid()}"
    fresh.write_text(json.dumps(pins, indent=2) + "\n")
    fresh.replace(folder / FILE)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="pins", description="pin a plugin's version")
    parser.add_argument("folder", type=Path)
    parser.add_argument("name", nargs="?")
    parser.add_argument("version", nargs="?")
    given = parser.parse_args()
    if not given.folder.is_dir():
        parser.error(f"no such folder: {given.folder}")
    try:
        pins = read(given.folder)
    except BadPins as error:
        parser.error(str(error))
    if given.name:
        if not given.version:
            parser.error(f"which version of {given.name}? Or `{NEWEST}`")
        pins.pop(given.name, None)
        if given.version != NEWEST:
            pins[given.name] = given.version
        write(given.folder, pins)
    for name, version in sorted(pins.items()):
        print(f"{name} {version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

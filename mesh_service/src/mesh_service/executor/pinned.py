"""A folder's file of pins: which version of what lies there is the default.

Rules: it is replaced whole or not at all, and heeded as soon as it changes; one that cannot be read
changes nothing. What a pin says is the executor's own affair.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from mesh_service import logs

FILE = "pins.json"
NEWEST = "newest"
"""What is said instead of a version to pin none."""

Pin = TypeVar("Pin")


class BadPins(Exception):
    """The file of pins makes no sense."""


def load(folder: Path) -> Any:
    """What the file says, unchecked; an empty object without one. Raises BadPins."""
    try:
        return json.loads((folder / FILE).read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise BadPins(f"{FILE}: {error}") from None


def write(folder: Path, pins: Mapping[str, Any]) -> None:
    """Replace the file."""
    fresh = folder / f".{FILE}.{os.getpid()}"
    fresh.write_text(json.dumps(pins, indent=2) + "\n")
    fresh.replace(folder / FILE)


class Watched(Generic[Pin]):
    """The pins of some folders, as they change."""

    def __init__(self, folders: Iterable[Path], read: Callable[[Path], Mapping[str, Pin]]) -> None:
        """`read`: a folder's pins; raises BadPins."""
        self._of: dict[Path, Mapping[str, Pin]] = {folder: {} for folder in folders}
        self._seen: dict[Path, tuple[int, int] | None] = dict.fromkeys(self._of)
        self._read = read

    def changed(self) -> dict[str, Pin] | None:
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
                self._of[folder] = self._read(folder)
            except BadPins as error:
                logs.event("bad pins", level=logging.WARNING, folder=str(folder), error=str(error))
        now = self._all()
        return None if now == before else now

    def _all(self) -> dict[str, Pin]:
        return {name: pin for each in self._of.values() for name, pin in each.items()}

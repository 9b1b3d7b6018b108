"""The executor's own copies of plugins, by their content.

Rules: workers load from here and never from the folder that people write to: a file that is
overwritten in place would be torn out of a running process. An object is whole or not there, and
never changes. Which versions came from which file is kept, so that a roll back outlives a restart.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

_CHUNK = 1 << 20
_SHA = frozenset("0123456789abcdef")


class Store:
    """A folder of objects, what was found out about them, and records."""

    def __init__(self, folder: Path) -> None:
        self._objects = folder / "objects"
        self._records = folder / "folders"
        for each in (self._objects, self._records):
            each.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Where the object lies, if it does."""
        return self._objects / f"{sha256}.so"

    def has(self, sha256: str) -> bool:
        """Whether it is there."""
        return self.path(sha256).is_file()

    def take(self, source: Path) -> str:
        """Copy a file in; gives its SHA-256. Raises OSError."""
        digest = hashlib.sha256()
        with source.open("rb") as file, _fresh(self._objects) as (copy, rename):
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                copy.write(chunk)
            os.fchmod(copy.fileno(), 0o555)  # a worker of another user's loads it, too
            rename(self.path(digest.hexdigest()))
        return digest.hexdigest()

    def note(self, sha256: str, key: str, found: Mapping[str, Any]) -> None:
        """Keep what was found out about an object, under a key that says by whom."""
        _write(self._objects / f"{sha256}.{key}.json", found)

    def noted(self, sha256: str, key: str) -> dict[str, Any] | None:
        """What was found out."""
        return _read(self._objects / f"{sha256}.{key}.json")

    def record(self, folder: Path, versions: Mapping[str, Sequence[str]]) -> None:
        """Keep which objects came from which file of a folder, the oldest first."""
        named = {name: list(each) for name, each in versions.items() if each}
        _write(self._record(folder), {"folder": str(folder), "versions": named})

    def recorded(self, folder: Path) -> dict[str, list[str]]:
        """The same as it was kept; only objects that are still there."""
        record = _read(self._record(folder)) or {}
        versions = record.get("versions")
        if not isinstance(versions, dict):
            return {}
        return {
            name: [sha for sha in cast(list[Any], each) if _is_sha(sha) and self.has(sha)]
            for name, each in cast(dict[str, Any], versions).items()
            if isinstance(each, list)
        }

    def _record(self, folder: Path) -> Path:
        return self._records / f"{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}.json"


def _is_sha(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and _SHA.issuperset(value)


@contextlib.contextmanager
def _fresh(folder: Path):  # type: ignore[no-untyped-def]
    """A new file, and what gives it its name; it is gone if that was not called."""
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".fresh-")
    try:
        with os.fdopen(descriptor, "wb") as file:

            def rename(to: Path) -> None:
                file.flush()
                os.fsync(file.fileno())
                os.replace(name, to)

            yield file, rename
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _write(path: Path, value: Mapping[str, Any]) -> None:
    with _fresh(path.parent) as (file, rename):
        file.write(json.dumps(value).encode())
        rename(path)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return cast(dict[str, Any], value) if isinstance(value, dict) else None

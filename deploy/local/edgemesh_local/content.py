"""Content keys: equal inputs give equal keys, on every machine and in every checkout.

A key is the first 24 hexadecimal digits of a SHA-256 over names and bytes; times and absolute
paths never enter it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

_DIGITS = 24
_SKIPPED = {
    "__pycache__",
    ".venv",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
    "build",
    "target",
}


class NoSuchInput(Exception):
    """A pattern of inputs matches nothing: a key over it would miss what it is meant to see."""

    def __init__(self, folder: Path, pattern: str) -> None:
        self.folder, self.pattern = folder, pattern
        super().__init__(f"{folder}: no file matches {pattern!r}")


def files(folder: Path, patterns: Iterable[str]) -> list[Path]:
    """The files that the glob patterns match, sorted. Raises NoSuchInput."""
    found: set[Path] = set()
    for pattern in patterns:
        matched = {
            path
            for path in folder.glob(pattern)
            if path.is_file() and not _SKIPPED.intersection(path.relative_to(folder).parts)
        }
        if not matched:
            raise NoSuchInput(folder, pattern)
        found |= matched
    return sorted(found)


def digest(folder: Path, patterns: Iterable[str]) -> str:
    """A key over names (relative to `folder`) and bytes. Raises NoSuchInput."""
    sha = hashlib.sha256()
    for path in files(folder, patterns):
        name = path.relative_to(folder).as_posix().encode()
        body = path.read_bytes()
        sha.update(b"%d %d\n" % (len(name), len(body)) + name + body)
    return sha.hexdigest()[:_DIGITS]


def key(**parts: object) -> str:
    """A key over named JSON values."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]

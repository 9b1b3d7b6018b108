"""What was fetched, by its SHA-256, in a folder.

Rules: a file's name is its digest, and is hashed again when it is asked for: a torn or foreign one
is removed and fetched anew. What was used longest ago goes first when all are over their bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path

from edgemesh_fetcher.errors import FetchError

_DIGEST = re.compile(r"[0-9a-f]{64}")


class FileStore:
    """A cache of files."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder, self._most = folder, most_bytes
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def find(self, digest: str) -> Path | None:
        """The file with these bytes. Raises FetchError for what is no digest."""
        path = self._path(digest)
        try:
            with path.open("rb") as file:
                right = hashlib.file_digest(file, "sha256").hexdigest() == digest
        except OSError:
            return None
        if not right:
            path.unlink(missing_ok=True)
            return None
        os.utime(path)
        return path

    def keep(self, digest: str, pieces: Iterable[bytes]) -> Path:
        """Write a file; raises FetchError where it has another digest."""
        path = self._path(digest)
        draft = self._folder / f".{digest[:16]}.{secrets.token_hex(4)}"
        sha256 = hashlib.sha256()
        try:
            with draft.open("wb") as file:
                for piece in pieces:
                    sha256.update(piece)
                    file.write(piece)
            if sha256.hexdigest() != digest:
                raise FetchError("mismatch", f"bytes with the SHA-256 {sha256.hexdigest()}")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        self._shrink(path)
        return path

    def _path(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise FetchError("refused", "a SHA-256 of 64 hexadecimal digits is required")
        return self._folder / digest

    def _shrink(self, kept: Path) -> None:
        files: list[tuple[float, int, Path]] = []
        for path in self._folder.iterdir():
            with contextlib.suppress(OSError):
                found = path.stat()
                files.append((found.st_mtime, found.st_size, path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= self._most:
                return
            if path != kept:
                path.unlink(missing_ok=True)
                total -= size

"""Artefacts on disk: folders that are whole, ours and what they claim to be, or not used.

Rules: a folder appears under its final name only when all of it is written and flushed. Its
manifest holds every file's size and SHA-256. Hashing hundreds of megabytes at every start of a
worker would cost more than the start, so a full check leaves a *stamp* (inode, size, times of
modification and change) behind: a file whose stamp still fits has not been written since it
was hashed. What belongs to root is not hashed by others: they can write neither file nor stamp,
and it is as much to be believed as the Python that runs them. A compiled module is native
code, so a folder that others may write is refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from edgemesh_sandbox.errors import ArtifactError

_FORMAT = 1
_MANIFEST = "manifest.json"
STAMP = "verified.json"
"""What a full check leaves behind."""
_MOST_NAME = 255
_WRITABLE_BY_OTHERS = 0o022


@dataclass(frozen=True, slots=True)
class Artifact:
    """A folder of the cache that was found whole; `facts` is what its maker noted in it."""

    folder: Path
    facts: Mapping[str, Any]

    def path(self, name: str) -> Path:
        """The path of one of its files."""
        return self.folder / name


def sha256(path: Path) -> str:
    """The hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def locked(folder: Path) -> Generator[None]:
    """Hold the folder's lock: of several set-ups at once one builds and the others find."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def publish(folder: Path, write: Callable[[Path], Mapping[str, Any] | None]) -> Artifact:
    """Make the artefact `folder`: `write` fills an empty folder and returns its facts.

    What lies under that name already is replaced. After an exception nothing is left.
    """
    draft = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    draft.mkdir(parents=True, mode=0o755)
    try:
        facts = dict(write(draft) or {})
        files = {p.name: {"size": p.stat().st_size, "sha256": sha256(p)} for p in draft.iterdir()}
        stamp = {name: _stamp(draft / name) for name in files}
        manifest = {"format": _FORMAT, "files": files, "facts": facts}
        (draft / _MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True))
        (draft / STAMP).write_text(json.dumps(stamp))
        for path in (*draft.iterdir(), draft):
            _flush(path)
        discard(folder)
        draft.rename(folder)
        _flush(folder.parent)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return Artifact(folder, facts)


def find(folder: Path) -> Artifact:
    """The artefact in `folder`; raises `ArtifactError` unless it is whole and safe to load."""
    try:
        owner = folder.stat()
        manifest = _object((folder / _MANIFEST).read_text())
    except FileNotFoundError:
        raise ArtifactError(folder, "it is not there") from None
    except (OSError, ValueError) as error:
        raise ArtifactError(folder, f"its manifest cannot be read: {error}") from error
    if hasattr(os, "geteuid") and (  # elsewhere the user's profile keeps others out
        owner.st_uid not in (0, os.geteuid()) or owner.st_mode & _WRITABLE_BY_OTHERS
    ):
        raise ArtifactError(folder, "others may write in it")
    if manifest.get("format") != _FORMAT:
        raise ArtifactError(folder, "its manifest has another format")
    files, facts = manifest.get("files"), manifest.get("facts")
    if not isinstance(files, dict) or not files:
        raise ArtifactError(folder, "its manifest names no file")
    if not isinstance(facts, dict):
        raise ArtifactError(folder, "its manifest's facts are no object")
    files = cast(dict[str, Any], files)
    for name in files:
        if name != os.path.basename(name) or name in (".", "..", "") or len(name) > _MOST_NAME:
            raise ArtifactError(folder, f"its manifest names a file {name[:40]!r}")
    if not _given(owner.st_uid) and _stamps(folder, files) != _known(folder):
        _check(folder, files)
    return Artifact(folder, cast(dict[str, Any], facts))


def discard(folder: Path) -> None:
    """Remove an artefact. Processes that have mapped its files keep them."""
    grave = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    with contextlib.suppress(FileNotFoundError):
        folder.rename(grave)
        shutil.rmtree(grave, ignore_errors=True)


def sweep(parent: Path, keep: Mapping[str, int]) -> None:
    """Remove what was never finished and, by prefix, all but the newest artefacts.

    Call it under the lock, so that no other process is at work on a draft.
    """
    for draft in parent.glob(f".*.{'[0-9a-f]' * 8}"):
        shutil.rmtree(draft, ignore_errors=True)
    for prefix, count in keep.items():
        found = sorted(parent.glob(f"{prefix}-*"), key=lambda p: p.stat().st_mtime, reverse=True)
        for old in found[count:]:
            discard(old)


def _given(owner: int) -> bool:
    """Whether a folder of this owner was put there by root for us, who are not root."""
    return owner == 0 and hasattr(os, "geteuid") and os.geteuid() != 0


def _check(folder: Path, files: Mapping[str, Any]) -> None:
    """Compare every file with the manifest, and stamp them where that succeeds."""
    stamps = _stamps(folder, files)
    for name, expected in files.items():
        path = folder / name
        if not isinstance(expected, dict):
            raise ArtifactError(path, "the manifest does not describe it")
        size, digest = (cast(dict[str, Any], expected).get(key) for key in ("size", "sha256"))
        if not path.is_file():
            raise ArtifactError(path, "it is not there")
        if path.stat().st_size != size:
            raise ArtifactError(path, f"its size is not {size} bytes")
        if sha256(path) != digest:
            raise ArtifactError(path, "its SHA-256 is not the manifest's")
    with contextlib.suppress(OSError):  # a read-only cache is checked again each time
        draft = folder / f".{STAMP}.{secrets.token_hex(4)}"
        draft.write_text(json.dumps(stamps))
        draft.rename(folder / STAMP)


def _stamps(folder: Path, files: Mapping[str, Any]) -> dict[str, list[int]]:
    return {name: _stamp(folder / name) for name in files}


def _stamp(path: Path) -> list[int]:
    """What changes whenever the file's bytes do; the change time cannot be set by a program."""
    try:
        s = path.stat()
    except (OSError, ValueError):  # it is not there, or its name is none
        return []
    return [s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns]


def _known(folder: Path) -> dict[str, Any]:
    try:
        return _object((folder / STAMP).read_text())
    except (OSError, ValueError):
        return {}


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("it is no JSON object")
    return cast(dict[str, Any], value)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

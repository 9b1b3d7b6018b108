"""Is this model one that may be served? Hashes here, everything else in a process that is thrown
away.

Rules: a model that crashes, hangs or takes more memory than all models may is refused in words that
help whoever put it there, and harms nothing. What was found of files is kept until they change, so
that a restart reads none of them.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from edgemesh.compute.v1 import algorithm_pb2
from google.protobuf.message import DecodeError

from edgemesh_executor_ml.folder import Seen
from edgemesh_executor_ml.manifest import (
    FILE_NAME,
    BadModel,
    Incomplete,
    Manifest,
    Unusable,
    digest,
    load,
    parse,
)
from edgemesh_executor_ml.memory import LARGER
from edgemesh_executor_ml.versions import Version
from mesh_service.executor import throwaway

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_MIB = 1 << 20
_MOST_FINDING = 1 << 20


class Examiner:
    """Looks at models, some at a time."""

    def __init__(
        self, notes: Path, key: str, env: Mapping[str, str], timeout_s: float, most_bytes: int
    ) -> None:
        """`notes`: where findings are kept; `key`: what they depend on beside the files."""
        self._notes, self._key = notes, key
        self._env = {"PATH": os.defpath, **env}
        self._timeout_s, self._most = timeout_s, most_bytes
        self._turns = asyncio.Semaphore(max(2, len(os.sched_getaffinity(0))))

    async def examine(self, path: Path, seen: Seen) -> Version:
        """Look at a model. Raises Incomplete, Unusable."""
        note = self._notes / f"{hashlib.sha256(repr((self._key, path, seen)).encode()).hexdigest()}"
        found = await asyncio.to_thread(_read, note)
        if found is None:
            async with self._turns:
                await asyncio.to_thread(_check_hashes, path)
                found = await self._probe(path, sum(size for _, _, size, _ in seen.files))
            version = _version(path, found)
            await asyncio.to_thread(_write, note, found)
            return version
        return _version(path, found)

    async def _probe(self, path: Path, file_bytes: int) -> Mapping[str, Any]:
        module, arguments = "edgemesh_executor_ml.probe", [str(path)]
        report = await throwaway.run(module, arguments, self._env, self._timeout_s, self._most)
        if report.large:
            raise Unusable(
                f"it needs more memory than all models may take, {self._most // _MIB} MiB;"
                f" its files have {file_bytes // _MIB} MiB",
                LARGER,
            )
        found = report.last
        if "incomplete" in found:
            raise Incomplete(str(found["incomplete"]))
        if "manifest" not in found:
            raise Unusable(str(found.get("refused", report.why)))
        return found


def _check_hashes(path: Path) -> None:
    """Check a model's files against its manifest, if it has one. Raises Incomplete, Unusable."""
    if not (path / FILE_NAME).is_file():
        return
    try:
        manifest = load(path)
        for file in manifest.files:
            if (sha256 := digest(path / file.path)) != file.sha256:
                raise Incomplete(f"{file.path} has sha256 {sha256}, expected {file.sha256[:64]}")
    except BadModel as error:
        raise (Incomplete if error.incomplete else Unusable)(error.problem) from None
    except OSError as error:
        raise Incomplete(f"{error.filename}: {error.strerror}") from None


def _version(path: Path, found: Mapping[str, Any]) -> Version:
    """What a finding comes to. Raises Unusable."""
    try:
        manifest = parse(found["manifest"])
        algorithms = [
            algorithm_pb2.Algorithm.FromString(base64.b64decode(each))
            for each in cast("list[str]", found["algorithms"])
        ]
        nbytes = int(found["bytes"])
    except (KeyError, TypeError, ValueError, DecodeError) as error:
        raise Unusable(f"what was found of it makes no sense: {error}") from None
    for what, value in (("name", manifest.name), ("version", manifest.version)):
        if not NAME.fullmatch(value):
            raise Unusable(f"{what}: {value[:64]!r} is none: {NAME.pattern}")
    folder = path if path.is_dir() else path.parent
    return Version(folder, manifest, nbytes, algorithms, _sha256(manifest))


def _sha256(manifest: Manifest) -> str:
    return hashlib.sha256(manifest.dump().encode()).hexdigest()


def _read(note: Path) -> Mapping[str, Any] | None:
    try:
        value = json.loads(note.read_bytes()[:_MOST_FINDING])
    except (OSError, ValueError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _write(note: Path, found: Mapping[str, Any]) -> None:
    note.parent.mkdir(parents=True, exist_ok=True)
    fresh = note.with_name(f".{note.name}.{os.getpid()}")
    fresh.write_text(json.dumps(found))
    fresh.replace(note)


def build_key() -> str:
    """What findings depend on: this code, and the native module that it loads."""
    from importlib.util import find_spec

    parts: list[tuple[str, int, int]] = []
    for package in ("edgemesh_executor_ml", "edgemesh_candle"):
        spec = find_spec(package)
        for root in (spec.submodule_search_locations or ()) if spec is not None else ():
            for file in sorted(Path(root).iterdir()):
                if file.suffix in (".py", ".so"):
                    status = file.stat()
                    parts.append((file.name, status.st_size, status.st_mtime_ns))
    return hashlib.sha256(repr(parts).encode()).hexdigest()

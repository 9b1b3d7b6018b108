"""The audit log: who did what, and what came of it.

Rules: one JSON object a line, for every call of a service of ours. It holds names (tenant, what the
caller has shown, algorithm, prefix of a key), never code, inputs, results or what opens anything.
Lines are written within FLUSH_S. Rotation is its operator's: a file that was moved away is noticed
at the next write, and SIGHUP has it opened anew. What cannot be written is counted and said.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc

from mesh_service import errors, logs, translate
from mesh_service.stack import Handler, Rpc

FLUSH_S = 0.2
MOST_WAITING = 100_000
_NOTED = ("algorithm", "key", "of_tenant")
_encode = json.JSONEncoder(separators=(",", ":")).encode


class Audit:
    """A log in a file."""

    def __init__(self, path: Path | None) -> None:
        """None: nothing is written. Raises OSError where it cannot be."""
        self._path = path
        self._descriptor: int | None = None
        self._lines: list[str] = []
        self._failing = False
        self.lost = 0
        """Lines that could not be written."""
        if path is not None:
            self._descriptor = _open(path)

    def note(self, ended: float, fields: Mapping[str, object]) -> None:
        """A call has ended, at that Unix time."""
        if self._path is None:
            return
        if len(self._lines) >= MOST_WAITING:
            self.lost += 1
            return
        at = datetime.fromtimestamp(ended, UTC).isoformat(timespec="milliseconds")
        self._lines.append(_encode({"time": at, **fields}) + "\n")

    def around(self, methods: Mapping[str, tuple[str, Handler]]) -> dict[str, tuple[str, Handler]]:
        """Methods whose calls are noted."""
        return {name: (kind, self._noted(name, each)) for name, (kind, each) in methods.items()}

    def _noted(self, method: str, handler: Handler) -> Handler:
        async def noted(request: Any, rpc: Rpc) -> Any:
            began = time.perf_counter()
            code, more = "OK", dict[str, object]()
            try:
                return await handler(request, rpc)
            except asyncio.CancelledError:
                code = "CANCELLED"
                raise
            except errors.MeshError as error:
                found = translate.verdict(error)
                code, more["reason"] = found.code.name, found.reason
                if isinstance(error, errors.PermissionDenied):
                    more["scope"] = error.scope
                raise
            except grpc.aio.AioRpcError as error:
                code, more["reason"] = error.code().name, translate.reason_of(error)
                raise
            except Exception:
                code = "INTERNAL"
                raise
            finally:
                notes = {name: rpc.notes[name] for name in _NOTED if name in rpc.notes}
                fields = entry(method, code, began, rpc.request_id, rpc.tenant)
                who = rpc.notes.get("who", "")
                self.note(time.time(), {**fields, "who": who, **notes, **more})

        return noted

    def flush(self) -> None:
        """Write what waits."""
        if self._path is None or not self._lines:
            return
        lines, self._lines = self._lines, []
        try:
            if self._moved():
                self.reopen()
            assert self._descriptor is not None
            _write(self._descriptor, "".join(lines).encode())
            self._failing = False
        except OSError as error:
            self.lost += len(lines)
            if not self._failing:
                why = error.strerror or str(error)
                logs.event("audit log not written", level=logging.ERROR, why=why)
            self._failing = True

    def reopen(self) -> None:
        """Go on in the file that has the name now. Raises OSError."""
        if self._path is not None:
            opened = _open(self._path)
            self._close()
            self._descriptor = opened

    async def follow(self) -> None:
        """Flush for ever."""
        while self._path is not None:
            await asyncio.sleep(FLUSH_S)
            self.flush()

    def close(self) -> None:
        """Write what waits, and close."""
        self.flush()
        self._close()

    def _moved(self) -> bool:
        if self._path is None or self._descriptor is None:
            return True
        try:
            named, ours = self._path.stat(), os.fstat(self._descriptor)
        except FileNotFoundError:
            return True
        return (named.st_dev, named.st_ino) != (ours.st_dev, ours.st_ino)

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def entry(method: str, code: str, began: float, request_id: str, tenant: str) -> dict[str, object]:
    """The fields of every line, of a call that ends now."""
    return {
        "method": method,
        "code": code,
        "ms": round((time.perf_counter() - began) * 1e3, 2),
        "request_id": request_id,
        "tenant": tenant,
    }


def _open(path: Path) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    return os.open(path, flags, 0o600)


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]

"""Is this plugin one that may be served? Asked in a process that is thrown away.

Rules: a plugin that crashes, hangs, exits or lies as it is loaded, or whose self-test does so or
fails, is refused in words that help its author, and harms nothing. What was found of an object is
kept, so that a restart asks nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from edgemesh_executor_cpp import describe
from edgemesh_executor_cpp.manifest import NAME
from edgemesh_executor_cpp.store import Store

_MOST_REPORT = 16 << 20


class Refused(Exception):
    """A plugin cannot be served; `reason` is for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Finding:
    """What a plugin said of itself."""

    name: str
    version: str
    algorithms: tuple[str, ...]
    """As name@version."""


class Examiner:
    """Looks at plugins, some at a time."""

    def __init__(self, store: Store, key: str, env: Mapping[str, str], timeout_s: float) -> None:
        """`key`: what a finding depends on beside the object, as part of a file's name."""
        self._store = store
        self._key = key
        self._env = {"PATH": os.defpath, **env}
        self._timeout_s = timeout_s
        self._turns = asyncio.Semaphore(max(2, len(os.sched_getaffinity(0))))

    async def examine(self, sha256: str) -> Finding:
        """Look at an object of the store. Raises Refused."""
        found = self._store.noted(sha256, self._key)
        if found is None:
            async with self._turns:
                found = await self._probe(self._store.path(sha256))
            if "refused" in found:
                raise Refused(str(found["refused"]))
            self._store.note(sha256, self._key, found)
        return _finding(found)

    async def _probe(self, path: Path) -> dict[str, Any]:
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "edgemesh_executor_cpp.probe", str(path), str(writing)),
                env=self._env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                pass_fds=[writing],
                start_new_session=True,  # what it may have started ends with it
            )
        finally:
            os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            report = asyncio.create_task(asyncio.to_thread(pipe.read, _MOST_REPORT))
            late = False
            try:
                async with asyncio.timeout(self._timeout_s):
                    await process.wait()
            except TimeoutError:
                late = True
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                code = await process.wait()
                said = await report
        finding = [{}, *_lines(said)][-1]
        if "description" in finding:
            return await asyncio.to_thread(_described, str(finding["description"]))
        if "refused" in finding:
            return finding
        when = str(finding.get("stage", "as it was loaded"))
        if late:
            raise Refused(f"it hung {when}: no answer within {self._timeout_s:g} s")
        raise Refused(_ended(code, when))


def _described(text: str) -> dict[str, Any]:
    """What a description comes to. Raises Refused."""
    try:
        algorithms = describe.algorithms(text)
        described = json.loads(text)
        return {
            "name": str(described["name"]),
            "version": str(described["version"]),
            "algorithms": [f"{one.name}@{one.version}" for one in algorithms],
        }
    except (KeyError, TypeError, describe.BadDescription) as error:
        raise Refused(f"describe: {error}") from None


def _lines(said: bytes) -> list[dict[str, Any]]:
    """What the process has told, as far as it makes sense."""
    told: list[dict[str, Any]] = []
    for line in said.splitlines():
        with contextlib.suppress(ValueError):
            value = json.loads(line)
            if isinstance(value, dict):
                told.append(cast("dict[str, Any]", value))
    return told


def _ended(code: int, when: str) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"it crashed {when}: {signal.Signals(-code).name}"
    return f"it ended its process {when}, with status {code}"


def _finding(found: Mapping[str, Any]) -> Finding:
    finding = Finding(
        str(found.get("name")),
        str(found.get("version")),
        tuple(str(each) for each in found.get("algorithms", ())),
    )
    for what, value in (("name", finding.name), ("version", finding.version)):
        if not NAME.fullmatch(value):
            raise Refused(f"describe: {what}: {value[:64]!r} is none: {NAME.pattern}")
    if not finding.algorithms:
        raise Refused("describe: it offers no algorithm")
    return finding

"""Is this plugin one that may be served? Asked in a process that is thrown away.

Rules: a plugin that crashes, hangs, exits or lies as it is loaded, or whose self-test does so or
fails, is refused in words that help its author, and harms nothing. What was found of an object is
kept, so that a restart asks nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgemesh_executor_cpp import describe
from edgemesh_executor_cpp.manifest import NAME
from edgemesh_executor_cpp.store import Store
from mesh_service.executor import throwaway


class Refused(Exception):
    """A plugin cannot be served; `reason` is for people.

    `passing`: that may have been the machine's fault, which had no time or memory for it.
    """

    def __init__(self, reason: str, *, passing: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.passing = reason, passing


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
        where = ("edgemesh_executor_cpp.probe", [str(path)])
        report = await throwaway.run(*where, self._env, self._timeout_s)
        if "description" in report.last:
            return await asyncio.to_thread(_described, str(report.last["description"]))
        if "refused" in report.last:
            return dict(report.last)
        raise Refused(report.why, passing=report.passing)


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

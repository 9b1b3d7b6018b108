"""The files of a plugins' folder, and the versions of a plugin that came in each of them.

Rules: what lies in a file now is its newest version, whatever its number: who puts an older one
there wants it. The versions that lay there before are kept for a roll back, until the file is
removed. Which of them is the default a pin may say.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgemesh.executor.v1 import executor_pb2

from edgemesh_executor_cpp.examine import Finding
from edgemesh_executor_cpp.manifest import NAME, SUFFIX
from mesh_service.executor.crew import Crew

LIBRARY = ".so"
AGAIN_FIRST_S, AGAIN_MOST_S = 1.0, 300.0
Signature = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Seen:
    """A plugin's two files as they lie there: enough to notice that one has changed."""

    library: Signature
    manifest: Signature | None


def look(folder: Path) -> dict[str, Seen]:
    """The plugins of a folder by their files' name; none where it cannot be read."""
    found: dict[str, Seen] = {}
    try:
        paths = sorted(folder.glob(f"*{LIBRARY}"))
    except OSError:
        return {}
    for path in paths:
        library = _signature(path)
        if library is not None and NAME.fullmatch(path.stem):
            found[path.stem] = Seen(library, _signature(path.with_suffix(SUFFIX)))
    return found


def _signature(path: Path) -> Signature | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


@dataclass(eq=False, slots=True)
class Version:
    """One version of a plugin."""

    sha256: str
    finding: Finding
    crew: Crew | None = None
    """Its workers, where it serves something."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Whose it is to give it workers."""


@dataclass(eq=False)
class File:
    """One file, and what came in it."""

    folder: Path
    stem: str
    seen: Seen | None = None
    """As it was last looked at."""
    versions: list[Version] = field(default_factory=list[Version])
    """The newest last."""
    recorded: Sequence[str] = ()
    """What came in it before the executor was started: objects of the store, not looked at yet."""
    refused: str = ""
    """Why what lies there now is not served."""
    refused_sha256: str = ""
    loading: bool = False
    changed: bool = False
    """Whether it is to be looked at again, when it has been looked at."""
    again_at: float = math.inf
    """When it is to be looked at again as it is, on the monotonic clock."""
    waits: int = 0
    """How often that has been put off since it was served, or has changed."""

    @property
    def library(self) -> Path:
        """The plugin's path."""
        return self.folder / f"{self.stem}{LIBRARY}"

    @property
    def name(self) -> str:
        """The library's name."""
        return self.library.name

    def offers(self) -> Iterable[str]:
        """What any of its versions offers, as name@version."""
        return {name for version in self.versions for name in version.finding.algorithms}

    def refuse(self, reason: str, sha256: str = "") -> None:
        """What lies there cannot be served; what lay there before still is."""
        self.refused, self.refused_sha256 = reason, sha256

    def again(self, now: float) -> None:
        """What refused it may pass: look again, ever more rarely."""
        self.again_at = now + min(AGAIN_FIRST_S * 2**self.waits, AGAIN_MOST_S)
        self.waits = min(self.waits + 1, 20)

    def anew(self) -> None:
        """It is served, or another: what was before does not count."""
        self.again_at, self.waits = math.inf, 0

    def default(self, pins: Mapping[str, str]) -> Version | None:
        """The version that its names stand for."""
        for version in reversed(self.versions):
            if pins.get(version.finding.name) == version.finding.version:
                return version
        return self.versions[-1] if self.versions else None

    def add(self, version: Version, most: int, pins: Mapping[str, str]) -> None:
        """Take in a new version; the oldest go when there are too many, the default never."""
        self.versions = [each for each in self.versions if each.sha256 != version.sha256]
        self.versions.append(version)
        default = self.default(pins)
        while len(self.versions) > most:
            oldest = next(each for each in self.versions if each is not default)
            self.versions.remove(oldest)

    def told(self, pins: Mapping[str, str]) -> list[executor_pb2.Plugin]:
        """What Describe says of it."""
        default = self.default(pins)
        told = [self._version(version, version is default) for version in self.versions]
        if self.refused or (self.loading and not told):
            state = (
                executor_pb2.PLUGIN_STATE_REFUSED
                if self.refused
                else executor_pb2.PLUGIN_STATE_LOADING
            )
            told.append(
                executor_pb2.Plugin(
                    name=self.stem,
                    file=self.name,
                    sha256=self.refused_sha256,
                    state=state,
                    detail=self.refused,
                )
            )
        return told

    def _version(self, version: Version, default: bool) -> executor_pb2.Plugin:
        crew, finding = version.crew, version.finding
        state, detail = executor_pb2.PLUGIN_STATE_KEPT, ""
        if default:
            serves = crew is not None and crew.serves
            state = (
                executor_pb2.PLUGIN_STATE_SERVING if serves else executor_pb2.PLUGIN_STATE_LOADING
            )
            detail = "" if serves or crew is None else crew.error
        return executor_pb2.Plugin(
            name=finding.name,
            version=finding.version,
            file=self.name,
            sha256=version.sha256,
            state=state,
            detail=detail,
            algorithms=finding.algorithms,
        )


def arranged(files: Sequence[File], pins: Mapping[str, str]) -> list[Version]:
    """The versions that have something to serve, in the order of their offers.

    Of equal names and versions of algorithms the last one counts, and the last version of a name
    is its default. So: what a newer version offers, too, an older one need not run for.
    """
    order: list[Version] = []
    defaults: set[Version] = set()
    for file in sorted(files, key=lambda file: _rank(file, pins)):
        default = file.default(pins)
        if default is not None:
            order += [*(each for each in file.versions if each is not default), default]
            defaults.add(default)
    covered: set[str] = set()
    needed: list[Version] = []
    for version in reversed(order):
        if version in defaults or not covered.issuperset(version.finding.algorithms):
            needed.append(version)
        covered.update(version.finding.algorithms)
    return needed[::-1]


def _rank(file: File, pins: Mapping[str, str]) -> tuple[bool, list[tuple[int, str]], str]:
    default = file.default(pins)
    if default is None:
        return False, [], file.stem
    finding = default.finding
    parts = re.findall(r"\d+|[^\d.]+", finding.version)
    number = [(int(each), "") if each.isdigit() else (-1, each) for each in parts]
    return pins.get(finding.name) == finding.version, number, file.stem

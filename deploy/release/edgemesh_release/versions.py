"""Where versions are written, and that they are one.

Rules: every place is a row of PLACES; a file that it names has at least one match. Locks of npm and
Cargo hold our own packages' versions too, so a row sees those as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgemesh_release.failure import ReleaseError

_SEMVER = re.compile(r"\d+\.\d+\.\d+")
_NOT_OURS = {".venv", "node_modules", "target", "build", "dist"}


@dataclass(frozen=True, slots=True)
class Place:
    """Files, and what stands before and after the version in them."""

    files: str
    pattern: str
    """A regular expression: groups `before` and `version`."""


PLACES = (
    Place("**/pyproject.toml", r'(?P<before>^version = ")(?P<version>[^"]+)'),
    Place("*/*/Cargo.toml", r'(?P<before>^\[package\]\n(?:.+\n)*?version = ")(?P<version>[^"]+)'),
    Place(
        "*/*/Cargo.lock",
        r'(?P<before>^name = "edgemesh_\w+"\nversion = ")(?P<version>[^"]+)',
    ),
    Place("clients/*/package.json", r'(?P<before>^  "version": ")(?P<version>[^"]+)'),
    Place(
        "clients/*/package-lock.json",
        r'(?P<before>^  (?:    )?"name": "[^"]+",\n +"version": ")(?P<version>[^"]+)',
    ),
    Place(
        "deploy/kubernetes/*/Chart.yaml", r'(?P<before>^(?:appV|v)ersion: "?)(?P<version>[^"\n]+)'
    ),
    Place(
        "*/src/edgemesh_kernel/kernel.py",
        r'(?P<before>implementation_version = ")(?P<version>[^"]+)',
    ),
    Place(
        "deploy/docker/tests/test_images.py",
        r'(?P<before>image\.version"\] == ")(?P<version>[^"]+)',
    ),
    Place(
        "deploy/docker/*.Dockerfile", r"(?P<before>^ARG VERSION=)(?P<version>.+)(?=\nARG COMMIT)"
    ),
)


@dataclass(frozen=True, slots=True)
class Found:
    """One version, where it is written."""

    file: str
    line: int
    version: str


def found(root: Path) -> Iterator[Found]:
    """Every version of ours below `root`."""
    for place in PLACES:
        for path in files(root, place.files):
            text = path.read_text()
            for match in re.finditer(place.pattern, text, re.MULTILINE):
                line = text.count("\n", 0, match.start("version")) + 1
                yield Found(path.relative_to(root).as_posix(), line, match["version"])


def files(root: Path, pattern: str) -> list[Path]:
    """The files of the house that match, nobody else's."""
    matching = sorted(root.glob(pattern))
    return [path for path in matching if not _NOT_OURS & set(path.relative_to(root).parts)]


def one(root: Path) -> str:
    """The version of all. Raises ReleaseError, which names each place that differs."""
    everything = list(found(root))
    counted = sorted({each.version for each in everything})
    if not counted:
        raise ReleaseError(f"{root}: no version is written anywhere")
    if len(counted) > 1:
        lines = [f"{each.file}:{each.line}: {each.version}" for each in everything]
        raise ReleaseError("versions differ:\n" + "\n".join(lines))
    if not _SEMVER.fullmatch(counted[0]):
        raise ReleaseError(f"a version is MAJOR.MINOR.PATCH, not {counted[0]!r}")
    return counted[0]


def write(root: Path, version: str) -> None:
    """Write another version into every place: of a copy, or when the next one begins."""
    for place in PLACES:
        said = rf"\g<before>{_for(place.files, version)}"
        for path in files(root, place.files):
            text = path.read_text()
            made = re.sub(place.pattern, said, text, flags=re.MULTILINE)
            if made != text:
                path.write_text(made)


def _for(pattern: str, version: str) -> str:
    """The version as that kind of file spells it: Python's 0.1.0.dev5 is 0.1.0-dev.5 elsewhere."""
    return version if "pyproject" in pattern else re.sub(r"\.?dev(\d+)$", r"-dev.\1", version)

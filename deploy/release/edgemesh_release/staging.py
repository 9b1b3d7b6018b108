"""A copy of the checkout in which a version is written, ready to be built.

Rules: what git has or would take, and nothing that it ignores. Each package gets the licence; one
that depends on another of ours wants exactly this version. What a wheel takes from other folders is
brought into its own, so that its source archive is whole.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from edgemesh_release import versions
from edgemesh_release.failure import ReleaseError
from edgemesh_release.tag import held

_DEPENDENCY = re.compile(r'"((?:edgemesh-[a-z-]+|mesh-service)(?:\[[a-z,]+\])?)"')
_FORCED = re.compile(
    r"^\[tool\.hatch\.build\.targets\.wheel\.force-include\]\n((?:\".+\n?)+)", re.MULTILINE
)
_BROUGHT = "brought/files"
"""Two folders deep: one would be a namespace of packages to hatchling, which ships it once more."""
_PAIR = re.compile(r'^"(.+)" = "(.+)"$', re.MULTILINE)


def stage(root: Path, into: Path, version: str) -> None:
    """Make the copy. Raises ReleaseError."""
    for name in held(root):
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, target)
    versions.write(into, version)
    for path in versions.files(into, "**/pyproject.toml"):
        text = path.read_text()
        if "[build-system]" not in text:
            continue
        if path.parent != into and not (path.parent / "LICENSE").exists():
            shutil.copy2(into / "LICENSE", path.parent / "LICENSE")
        path.write_text(_whole(path, _pinned(text, version)))


def _pinned(text: str, version: str) -> str:
    """With our own dependencies of this version alone."""
    name = re.search(r'^name = "(.+)"$', text, re.MULTILINE)
    head, marker, rest = text.partition("dependencies = [")
    if not marker or name is None:
        return text
    return head + marker + _DEPENDENCY.sub(rf'"\1=={version}"', rest)


def _whole(path: Path, text: str) -> str:
    """With what a wheel takes from other folders brought into its own, where a source archive can
    have it too."""
    forced = _FORCED.search(text)
    if forced is None:
        return text
    for source, target in _PAIR.findall(forced[1]):
        found = (path.parent / source).resolve()
        if not found.is_dir():
            raise ReleaseError(f"{path}: there is no {source}")
        shutil.copytree(found, path.parent / _BROUGHT / target)
    lines = "".join(
        f'"{_BROUGHT}/{target}" = "{target}"\n' for _, target in _PAIR.findall(forced[1])
    )
    return text.replace(forced[1], lines)

"""The crates that a wheel of ours is linked from, and what they are licensed under.

Rules: what Cargo resolves for Linux by normal dependencies; what only builds or tests is not
shipped, nor is a macro, which runs in the compiler. Texts are those of the crate's own archive.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from edgemesh_release.failure import ReleaseError
from edgemesh_release.part import Part

_TEXTS = re.compile(r"(LICEN[CS]E|COPYING|COPYRIGHT|NOTICE|UNLICENSE)([-.].*)?", re.IGNORECASE)
_TARGETS = ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu")


def crates(folder: Path) -> list[Part]:
    """What the crate in `folder` is linked from. Raises ReleaseError."""
    parts: dict[tuple[str, str], Part] = {}
    for target in _TARGETS:
        for part in _of(folder, target):
            parts[part.name, part.version] = part
    return sorted(parts.values(), key=lambda part: (part.name.lower(), part.version))


def _of(folder: Path, target: str) -> list[Part]:
    said = _metadata(folder, target)
    nodes = {node["id"]: node for node in said["resolve"]["nodes"]}
    packages = {package["id"]: package for package in said["packages"]}
    root: str = said["resolve"]["root"]
    linked, waiting = set[str](), [root]
    while waiting:
        at = waiting.pop()
        if at in linked or _is_macro(packages[at]):
            continue
        linked.add(at)
        waiting += [
            edge["pkg"]
            for edge in nodes[at]["deps"]
            if any(kind["kind"] is None for kind in edge["dep_kinds"])
        ]
    return [_part(packages[each]) for each in linked - {root}]


def _metadata(folder: Path, target: str) -> Any:
    words = ["metadata", "--format-version", "1", "--locked", "--filter-platform", target]
    try:
        done = subprocess.run(
            ["cargo", *words], cwd=folder, check=True, capture_output=True, text=True
        )
    except FileNotFoundError:
        raise ReleaseError("cargo is needed to read what crates are licensed under") from None
    except subprocess.CalledProcessError as error:
        raise ReleaseError(f"{folder}: cargo metadata: {error.stderr.strip()}") from None
    return json.loads(done.stdout)


def _is_macro(package: Any) -> bool:
    return all(kind == "proc-macro" for each in package["targets"] for kind in each["kind"]
               if kind in ("lib", "proc-macro", "rlib", "cdylib"))  # fmt: skip


def _part(package: Any) -> Part:
    folder = Path(package["manifest_path"]).parent
    named = package.get("license_file")
    texts = [path for path in sorted(folder.iterdir()) if _TEXTS.fullmatch(path.name)]
    if named and (folder / named) not in texts:
        texts.append(folder / named)
    licence = (package.get("license") or "").replace("/", " OR ")
    return Part(
        package["name"],
        package["version"],
        re.sub(r" +", " ", licence) or "see its text",
        tuple(path.read_text(errors="replace") for path in texts if path.is_file()),
    )

"""Wheels of pure Python to one archive for the guest.

Rules: a wheel is a stranger's: its sizes are counted before anything is unpacked, names that lead
out are refused, and so is native code, by the wheel's own word and by what lies in it. A module
that the standard library or the image has by that name is refused: it would never be found, and
whoever asked for it would run something else than they think.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

MOST_BYTES = 64 << 20
MOST_FILES = 10_000
_NATIVE = (".so", ".pyd", ".dylib", ".dll", ".a", ".wasm")


class BadWheel(Exception):
    """It cannot be part of an environment; says why."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """All wheels of an environment."""

    archive: bytes
    """A zip of their files."""
    names: list[str]
    """The modules and packages that they have, to be imported."""


def bundle(wheels: Mapping[str, bytes], standard: set[str], image: set[str]) -> Bundle:
    """Put wheels together, by their distributions' names. Raises BadWheel."""
    out = io.BytesIO()
    names: dict[str, str] = {}
    seen: set[str] = set()
    total = count = 0
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for distribution, data in wheels.items():
            for path, member, wheel in _members(distribution, data):
                total += member.file_size
                count += 1
                if total > MOST_BYTES or count > MOST_FILES:
                    most = f"{MOST_BYTES} bytes in {MOST_FILES} files"
                    raise BadWheel(f"packages of at most {most} in all")
                if path in seen:
                    raise BadWheel(f"{distribution}: {path} is of another package too")
                seen.add(path)
                if (name := _module(path)) is not None:
                    names.setdefault(name, distribution)
                archive.writestr(zipfile.ZipInfo(path), wheel.read(member), zipfile.ZIP_DEFLATED)
    for name, distribution in names.items():
        if name in standard:
            raise BadWheel(f"{distribution}: its {name} shadows the standard library's")
        if name in image:
            raise BadWheel(f"{distribution}: its {name} shadows the image's own")
    return Bundle(out.getvalue(), sorted(names))


def _members(distribution: str, data: bytes) -> list[tuple[str, zipfile.ZipInfo, zipfile.ZipFile]]:
    """A wheel's files: where they go, and themselves."""
    try:
        wheel = zipfile.ZipFile(io.BytesIO(data))
        members = [member for member in wheel.infolist() if not member.is_dir()]
        if sum(member.file_size for member in members) > MOST_BYTES or len(members) > MOST_FILES:
            raise BadWheel(f"{distribution}: more than {MOST_BYTES} bytes or {MOST_FILES} files")
        _check_pure(distribution, wheel, members)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise BadWheel(f"{distribution}: no wheel: {error}") from None
    found: list[tuple[str, zipfile.ZipInfo, zipfile.ZipFile]] = []
    for member in members:
        path = member.filename
        parts = path.split("/")
        if path.startswith("/") or "\\" in path or not {"", ".", ".."}.isdisjoint(parts):
            raise BadWheel(f"{distribution}: a file named {path[:100]!r}")
        if path.lower().endswith(_NATIVE):
            raise BadWheel(f"{distribution} has native code ({parts[-1][:100]})")
        if parts[0].endswith(".data"):
            if len(parts) < 3 or parts[1] not in ("purelib", "platlib"):
                continue  # scripts, headers and data of no use here
            path = "/".join(parts[2:])
        if not path.endswith(".pth"):
            found.append((path, member, wheel))
    return found


def _check_pure(distribution: str, wheel: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> None:
    for member in members:
        folder, _, name = member.filename.rpartition("/")
        if name == "WHEEL" and folder.endswith(".dist-info") and "/" not in folder:
            if member.file_size > 1 << 16:
                break
            lines = wheel.read(member).decode(errors="replace").splitlines()
            tags = [line.partition(":")[2].strip() for line in lines if line.startswith("Tag:")]
            if not any(tag.endswith("-none-any") for tag in tags):
                raise BadWheel(f"{distribution} has native code ({', '.join(tags)[:100]})")
            return
    raise BadWheel(f"{distribution}: no wheel: it has no WHEEL file")


def _module(path: str) -> str | None:
    """The module or package at the top that a file makes, if it makes one."""
    first, _, rest = path.partition("/")
    if not rest:
        stem = first.removesuffix(".py")
        return stem if stem != first and stem.isidentifier() else None
    if rest == "__init__.py" and first.isidentifier():
        return first
    return None

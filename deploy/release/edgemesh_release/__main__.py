"""The commands: `check`, `notices`, `build`, `version`.

python -m edgemesh_release check              one version everywhere, notices of what is locked
python -m edgemesh_release notices            make THIRD-PARTY.md and its like anew
python -m edgemesh_release build --out dist   wheels, source archives, the changelog's section
python -m edgemesh_release version 0.2.0      write the version that is next
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from edgemesh_release import changelog, notices, versions
from edgemesh_release.build import build
from edgemesh_release.failure import ReleaseError
from edgemesh_release.staging import stage
from edgemesh_release.tag import version_of

ROOT = Path(__file__).resolve().parents[3]


def check(root: Path) -> None:
    """Raises ReleaseError where versions differ, or notices are not of what is locked."""
    versions.one(root)
    if wrong := notices.stale(root):
        raise ReleaseError(
            f"{notices.PAGE} was not made of {', '.join(wrong)} as it is: run make notices"
        )


def release(root: Path, out: Path, only: Sequence[str]) -> None:
    """Build all that a release has into `out`. Raises ReleaseError."""
    check(root)
    version = version_of(root, versions.one(root))
    notes = changelog.section((root / "CHANGELOG.md").read_text(), version)
    with TemporaryDirectory(prefix="edgemesh-release-") as folder:
        copy = Path(folder) / f"edgemesh-{version}"
        stage(root, copy, version)
        made = build(copy, out, only)
    (out / f"CHANGELOG-{version}.md").write_text(notes)
    for path in made:
        print(f"{path.stat().st_size / 1e6:8.2f} MB  {path.name}")
    print(f"{version}: {len(made)} files in {out}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="edgemesh_release", description=__doc__)
    parser.add_argument("command", choices=["check", "notices", "build", "version"])
    parser.add_argument("version", nargs="?", default="")
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "release")
    parser.add_argument("--only", default="", help="folders of packages, with commas; default: all")
    said = parser.parse_args(arguments)
    cache = Path(os.environ.get("EDGEMESH_CACHE") or Path.home() / ".cache" / "edgemesh")
    try:
        if said.command == "check":
            check(ROOT)
        elif said.command == "notices":
            notices.write(ROOT, cache)
        elif said.command == "build":
            only = [name for name in said.only.split(",") if name]
            release(ROOT, said.out.absolute(), only)
        else:
            versions.write(ROOT, said.version)
            versions.one(ROOT)
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

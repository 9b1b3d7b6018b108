"""The version that a commit is: its tag's, or a development version of the next."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from edgemesh_release.failure import ReleaseError

_TAG = re.compile(r"v(\d+\.\d+\.\d+)")


def version_of(root: Path, written: str) -> str:
    """`written` where HEAD has the tag v<written>, else <written>.dev<commits so far>.

    Raises ReleaseError where HEAD is tagged otherwise, or what is tagged was changed since.
    """
    tags = [match[1] for tag in _git(root, "tag", "--points-at", "HEAD").split()
            if (match := _TAG.fullmatch(tag))]  # fmt: skip
    if not tags:
        return f"{written}.dev{_git(root, 'rev-list', '--count', 'HEAD').strip()}"
    if written not in tags:
        raise ReleaseError(f"HEAD is tagged v{tags[0]}, and the sources say {written}")
    if changed := _git(root, "status", "--porcelain").strip():
        raise ReleaseError(f"what is tagged v{written} was changed since:\n{changed}")
    return written


def held(root: Path) -> list[str]:
    """The files that git has or would take, as they are in the checkout now."""
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return [name for name in listed if name and (root / name).is_file()]


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, check=True
        )
    except FileNotFoundError:
        raise ReleaseError("git is needed") from None
    except subprocess.CalledProcessError as error:
        raise ReleaseError(f"git {words[0]}: {error.stderr.strip()}") from None
    return done.stdout

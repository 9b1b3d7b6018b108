"""uv, as the build's own environment has it, or the machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from edgemesh_release.failure import ReleaseError


def run(words: Sequence[str], folder: Path | None = None) -> None:
    """Run it in `folder`. Raises ReleaseError."""
    uv = shutil.which("uv", path=str(Path(sys.prefix) / "bin")) or shutil.which("uv")
    if uv is None:
        raise ReleaseError("uv is needed: run this by make")
    try:
        subprocess.run([uv, "--quiet", *words], cwd=folder, check=True)
    except subprocess.CalledProcessError as error:
        said = " ".join(words[:2])
        raise ReleaseError(f"{folder or ''} uv {said} ended with {error.returncode}") from None

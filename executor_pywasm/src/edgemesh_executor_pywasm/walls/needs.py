"""What a worker must read once its walls stand: its own Python, and the images."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path


def readable(images: Path) -> tuple[Path, ...]:
    """The folders and archives that modules are imported from, and the images; what is there."""
    paths = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), *sys.path]
    found = {Path(path).resolve(): None for path in (*paths, images) if path}
    return tuple(path for path in found if path.exists())

"""Cargo's target folder, shared by all checkouts: a fresh clone compiles only our own crates.

Cargo tells by file times what is new. Sources that were checked out earlier than another checkout
was built would pass for built: they are touched when the folder was last used for other ones.
"""

from __future__ import annotations

from pathlib import Path

from edgemesh_local import content

_SOURCES = ("**/*.rs", "**/Cargo.toml", "**/Cargo.lock")


def claim(target: Path, folder: Path) -> bool:
    """Use `target` for the crates in `folder` from now on; returns whether they were touched.

    Folders of other names hold other crates, which share only what they stand on.
    """
    key = content.key(folder=str(folder), sources=content.digest(folder, _SOURCES))
    last = target / f"edgemesh-last-{folder.name}"
    if last.exists() and last.read_text() == key:
        return False
    target.mkdir(parents=True, exist_ok=True)
    last.unlink(missing_ok=True)
    for path in content.files(folder, _SOURCES):
        path.touch()
    last.write_text(key)
    return True

"""Copies what is in force to another folder: `python -m edgemesh_sandbox.export --to FOLDER`.

Rules: only what this version of the sandbox runs from, whole and checked before it is copied; where
it is going it will be another's, so no stamps go with it.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from edgemesh_sandbox.built import default_images_dir, find_built
from edgemesh_sandbox.cache import STAMP, Artifact, find
from edgemesh_sandbox.engine import new_engine
from edgemesh_sandbox.errors import ArtifactError, SandboxError
from edgemesh_sandbox.languages.javascript import JavaScript
from edgemesh_sandbox.languages.ruby import Ruby
from edgemesh_sandbox.processor import FILE, check


def in_force(images: Path) -> Iterator[Artifact]:
    """The code, the base image and the languages that were made. Raises ArtifactError."""
    engine = new_engine(processor=check(images))
    built = find_built(engine, images)
    yield from (built.code, built.image)
    for language in (JavaScript, Ruby):
        try:
            yield find(language.recipe.folder(images, engine))
        except ArtifactError:
            continue  # a language that is not there is refused when it is asked for


def export(images: Path, to: Path) -> None:
    """Copy them into a folder that is not there, or empty."""
    for artifact in in_force(images):
        shutil.copytree(
            artifact.folder, to / artifact.folder.name, ignore=shutil.ignore_patterns(STAMP)
        )
    if (images / FILE).exists():
        shutil.copy(images / FILE, to / FILE)


def main() -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m edgemesh_sandbox.export")
    parser.add_argument("--images", type=Path, default=default_images_dir(), help="where they lie")
    parser.add_argument("--to", type=Path, required=True, help="where they shall lie")
    given = parser.parse_args()
    try:
        export(given.images, given.to)
    except (SandboxError, OSError) as error:
        print(f"export: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Builds what the sandbox needs and is not there: `python -m edgemesh_sandbox.setup`.

Rules: run at set-up, never on a request's path; finds what is there in well under a second; says
in one line what failed and exits with 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import wasmtime

from edgemesh_sandbox.built import Built, default_images_dir, find_built
from edgemesh_sandbox.cache import Artifact, find, locked, sweep
from edgemesh_sandbox.code import code_folder, compile_code
from edgemesh_sandbox.distribution import MODULE, distribution
from edgemesh_sandbox.engine import new_engine
from edgemesh_sandbox.errors import ArtifactError, SandboxError
from edgemesh_sandbox.image import BASE, SLIM, ImageName, image_folder, make_image
from edgemesh_sandbox.processor import LEVELS, NATIVE, check, declare
from edgemesh_sandbox.progress import step

_KEPT = {"python": 1, "code": 3, "base": 6, "slim": 6}
"""How many of each are kept: those of other checkouts and versions that may still be in use."""


def build(images: Path, image: ImageName = BASE, *, metered: bool = False) -> Built:
    """Find or build everything; raises `SandboxError`."""
    engine = new_engine(metered=metered, processor=check(images))
    try:
        return find_built(engine, images, image)
    except ArtifactError:
        pass
    with locked(images):
        code = _code(images, engine)
        built = Built(code, _image(images, engine, code, image))
        sweep(images, _KEPT)
    return built


def _code(images: Path, engine: wasmtime.Engine) -> Artifact:
    folder = code_folder(images, engine)
    try:
        return find(folder)
    except ArtifactError:
        with step("fetching CPython for WebAssembly"):
            files = distribution(images)
        with step("compiling it for this machine, once (about two minutes on two cores)"):
            return compile_code(folder, engine, files.path(MODULE))


def _image(images: Path, engine: wasmtime.Engine, code: Artifact, image: ImageName) -> Artifact:
    folder = image_folder(images, code.folder, image)
    try:
        return find(folder)
    except ArtifactError:
        with step("fetching CPython's library"):
            files = distribution(images)
        with step(f"importing and warming what the {image} image holds"):
            return make_image(folder, engine, code, files, image)


def main() -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m edgemesh_sandbox.setup", description=__doc__)
    parser.add_argument("--images", type=Path, default=default_images_dir(), help="where they lie")
    parser.add_argument(
        "--image", choices=(BASE, SLIM), default=BASE, help="slim: only the standard library"
    )
    parser.add_argument("--metered", action="store_true", help="also code that counts fuel")
    parser.add_argument(
        "--cpu", choices=sorted(LEVELS), help=f"compile for it (default: {NATIVE}, or the folder's)"
    )
    given = parser.parse_args()
    try:
        if given.cpu is not None:
            declare(given.images, given.cpu)
        built = build(given.images, given.image)
        if given.metered:
            build(given.images, given.image, metered=True)
    except (SandboxError, OSError) as error:
        print(f"python sandbox: {error}", file=sys.stderr)
        return 1
    print(f"python sandbox: ready in {built.image.folder}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

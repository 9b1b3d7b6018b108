"""What was built at set-up, and where: the code module and the image over it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import wasmtime

from edgemesh_sandbox.cache import Artifact, find
from edgemesh_sandbox.code import code_folder
from edgemesh_sandbox.image import BASE, ImageName, image_folder


@dataclass(frozen=True, slots=True)
class Built:
    """What a sandbox runs from."""

    code: Artifact
    image: Artifact


def default_images_dir() -> Path:
    """`images/` in `EDGEMESH_CACHE`, which is ~/.cache/edgemesh unless it is set."""
    cache = os.environ.get("EDGEMESH_CACHE")
    return (Path(cache) if cache else Path.home() / ".cache" / "edgemesh") / "images"


def find_built(engine: wasmtime.Engine, images: Path, image: ImageName = BASE) -> Built:
    """What was built before; raises `ArtifactError` for what is missing, torn or foreign."""
    code = code_folder(images, engine)
    return Built(find(code), find(image_folder(images, code, image)))

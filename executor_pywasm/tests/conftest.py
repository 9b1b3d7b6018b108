"""The images are built once, in the machine's cache, by the same command that set-up runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgemesh_sandbox import Sandbox
from edgemesh_sandbox.built import Built, default_images_dir
from edgemesh_sandbox.setup import build


@pytest.fixture(scope="session")
def images() -> Path:
    return default_images_dir()


@pytest.fixture(scope="session")
def built(images: Path) -> Built:
    return build(images)


@pytest.fixture(scope="session")
def built_metered(built: Built, images: Path) -> Built:
    return build(images, metered=True)  # two minutes, once per machine


@pytest.fixture(scope="session")
def sandbox(built: Built, images: Path) -> Iterator[Sandbox]:
    with Sandbox(images) as sandbox:
        yield sandbox

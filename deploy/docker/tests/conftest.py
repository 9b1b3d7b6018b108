"""One mesh for all tests that only use it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from mesh import Mesh


@pytest.fixture(scope="session")
def mesh() -> Iterator[Mesh]:
    """The mesh of the images that were built, with the models of MODELS."""
    with Mesh(os.environ["MODELS"]) as mesh:
        yield mesh

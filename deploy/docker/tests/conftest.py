"""One mesh for all tests that only use it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import docker
import pytest
from mesh import Mesh


@pytest.fixture(scope="session")
def mesh() -> Iterator[Mesh]:
    """The mesh of the images that were built, with the models of MODELS."""
    with Mesh(os.environ["MODELS"]) as mesh:
        yield mesh


@pytest.fixture(scope="module")
def by_runtime(request: pytest.FixtureRequest) -> Iterator[Mesh]:
    """A mesh by each runtime that the engine knows; `mesh` is the one by the usual."""
    if request.param == "runc":
        yield request.getfixturevalue("mesh")
        return
    with Mesh(os.environ["MODELS"], request.param) as mesh:
        yield mesh


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Which runtimes there are is the engine's to say."""
    if "by_runtime" in metafunc.fixturenames:
        engine = docker.from_env()
        known = sorted({"runc", "crun", "youki"} & engine.info()["Runtimes"].keys())
        metafunc.parametrize("by_runtime", known, indirect=True, scope="module")

"""A change in one executor makes one image anew."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import docker
import pytest
from mesh import EXECUTORS, ROOT

IMAGES = ("gateway", *EXECUTORS)
FOLDERS = (
    "cpp_plugins", "deploy/docker", "deploy/local", "executor_cpp", "executor_ml",
    "executor_pywasm", "gateway", "mesh_service", "protos",
)  # fmt: skip
TAG = "tests-rebuild"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The checkout, for being changed."""
    brought = ["dist/images"] if os.environ.get("BUILT") == "brought" else []
    for folder in (*FOLDERS, *brought):
        shutil.copytree(
            ROOT / folder,
            tmp_path / folder,
            ignore=shutil.ignore_patterns(".venv", "__pycache__", "target", "build", ".*_cache"),
        )
    return tmp_path


def build(checkout: Path, names: Sequence[str]) -> dict[str, str]:
    """Image → its digest."""
    subprocess.run(
        ["deploy/docker/images.sh", *names],
        cwd=checkout,
        env={**os.environ, "EDGEMESH_TAG": TAG},
        check=True,
    )
    images = docker.from_env().images
    return {name: str(images.get(f"edgemesh-{name}:{TAG}").id) for name in names}


@pytest.mark.parametrize("name", EXECUTORS)
def test_change_in_one_executor_makes_one_image_anew(copy: Path, name: str) -> None:
    before = build(copy, IMAGES)
    with (copy / f"executor_{name}/src/edgemesh_executor_{name}/__init__.py").open("a") as file:
        file.write("\n# changed\n")
    after = build(copy, IMAGES)
    assert [image for image in IMAGES if before[image] != after[image]] == [name]

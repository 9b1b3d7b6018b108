"""`ml.classify_image` through the gateway: a model with random weights, dropped in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from edgemesh.compute.v1 import algorithm_pb2
from support import picture_model, rpc
from support.wait import until

from e2e.test_clients import CLIENTS, output
from edgemesh_local.mesh import Mesh

pytestmark = pytest.mark.needs("ml")


async def test_a_dropped_in_model_labels_pictures(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    settings = {
        "ml": {"MODELS_DIR": str(models), "SPARES": "0"},
        "gateway": {"DATABASE": f"sqlite:///{tmp_path / 'gateway.db'}"},
    }
    request = algorithm_pb2.ListAlgorithmsRequest(namespace="ml")
    files = [tmp_path / "one.png", tmp_path / "two.png"]
    files[0].write_bytes(picture_model.png(40, 30))
    files[1].write_bytes(picture_model.png(24, 64))
    async with Mesh(("ml",), settings=settings) as mesh:
        picture_model.make(models / "random-labels")
        async with rpc.connect(mesh.address("gateway")) as gateway:

            async def offered() -> bool:
                listed = await gateway.algorithms.ListAlgorithms(request, timeout=10)
                return any(each.algorithm.name == "ml.classify_image" for each in listed.algorithms)

            await until(offered, "the model among the gateway's algorithms")
        said = await output(
            sys.executable,
            "classify_image.py",
            mesh.address("gateway"),
            *map(str, files),
            cwd=CLIENTS / "python" / "example",
        )
    lines = said.splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["one.png", "two.png"]
    for line in lines:
        labels = line.partition(": ")[2].split(", ")
        assert {each.split()[0] for each in labels} == {"cat", "dog", "tree"}
        assert abs(sum(int(each.split()[1].rstrip("%")) for each in labels) - 100) <= 2

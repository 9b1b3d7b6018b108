"""A model in Python that lies among the models is served by the mesh, in the sandbox."""

from __future__ import annotations

import json
from pathlib import Path

import grpc
import numpy as np
import pytest
from support import rpc
from support.wait import until

from edgemesh_local.mesh import Mesh

CODE = """
import numpy as np

def load(folder):
    return np.load(folder / "centres.npy")

def forward(centres, points: np.ndarray) -> list[int]:
    "The nearest centre of each point."
    return ((points[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1).tolist()
"""


@pytest.mark.needs("pywasm")
async def test_a_folder_with_a_model_py_is_a_model(tmp_path: Path) -> None:
    models = tmp_path / "models"
    folder = models / "nearest"
    folder.mkdir(parents=True)
    settings = {"pywasm": {"MODELS_DIR": str(models)}}
    points = np.array([[1.0, 1.0], [9.0, 8.0], [0.0, 2.0]])
    request = rpc.request("python.nearest", {}, {"points": points})
    async with (
        Mesh(("pywasm",), settings=settings) as mesh,
        rpc.connect(mesh.address("gateway")) as peer,
    ):
        np.save(folder / "centres.npy", np.array([[0.0, 0.0], [10.0, 10.0]]))
        (folder / "model.py").write_text(CODE)

        async def served() -> bool:
            try:
                response = await peer.compute.Compute(request, timeout=30)
            except grpc.aio.AioRpcError as error:
                if error.code() != grpc.StatusCode.NOT_FOUND:
                    raise
                return False
            assert json.loads(response.result) == [0, 1, 0], response
            return True

        await until(served, "python.nearest is served")
        for _ in range(4):
            assert await served()
        (folder / "model.py").unlink()

        async def gone() -> bool:
            return not await served()

        await until(gone, "python.nearest is withdrawn")

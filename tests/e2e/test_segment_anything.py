"""Masks by prompts through a gateway; the model's weights are made up."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from edgemesh.compute.v1 import algorithm_pb2, tensor_pb2
from support import picture_model, rpc
from support.wait import until

from e2e.test_clients import CLIENTS, output
from edgemesh_local.layout import Layout
from edgemesh_local.mesh import Mesh

pytestmark = pytest.mark.needs("ml")

MAKER = Layout.here().root / "executor_ml" / "tests" / "made_golden.py"


@pytest.fixture(scope="module")
async def cutting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mesh]:
    models = tmp_path_factory.mktemp("models")
    made = await asyncio.create_subprocess_exec(
        sys.executable, str(MAKER), "sam", "windows", str(models / "cutting")
    )
    assert await made.wait() == 0
    settings = {"ml": {"MODELS_DIR": str(models), "WORKERS": "1", "SPARES": "0"}}
    async with Mesh(("ml",), settings=settings) as running:
        async with rpc.connect(running.address("gateway")) as peer:

            async def offered() -> bool:
                asked = algorithm_pb2.ListAlgorithmsRequest(namespace="ml")
                found = await peer.algorithms.ListAlgorithms(asked, timeout=10)
                return any(e.algorithm.name == "ml.segment_anything" for e in found.algorithms)

            await until(offered, "ml.segment_anything is offered")
        yield running


async def test_masks_through_the_gateway(cutting: Mesh) -> None:
    async with rpc.connect(cutting.address("gateway")) as peer:
        prompts = [{"points": [[3, 4], [20, 10]], "labels": [1, 0]}, {"box": [0, 0, 30, 20]}]
        asked = rpc.request("ml.segment_anything", {"prompts": prompts, "multimask": False})
        asked.inputs["image"].CopyFrom(
            tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_BYTES, data=picture_model.png(30, 40))
        )
        response = await peer.compute.Compute(asked, timeout=60)
        assert rpc.outcome(response) == "OK", response.failure
        assert list(response.outputs["masks"].shape) == [2, 1, 30, 40]
        asked.parameters = json.dumps({"prompts": [{"box": [0, 0, 41, 20]}]})
        told = await rpc.refused(peer.compute.Compute(asked, timeout=60))
        assert told.code == grpc.StatusCode.INVALID_ARGUMENT
        assert "parameters.prompts[0].box" in told.fields, told


async def test_the_example(cutting: Mesh, tmp_path: Path) -> None:
    picture = tmp_path / "noise.png"
    picture.write_bytes(picture_model.png(48, 64))
    said = await output(
        sys.executable,
        "segment_anything.py",
        str(picture),
        "10,20",
        cutting.address("gateway"),
        cwd=CLIENTS / "python" / "example",
    )
    *masks, file = said.splitlines()
    assert len(masks) == 3
    assert all(re.fullmatch(r"-?\d+\.\d{3} \d+ pixels", each) for each in masks), said
    assert file == "noise.mask.pgm"
    assert len((tmp_path / file).read_bytes()) == len(b"P5 64 48 1\n") + 48 * 64

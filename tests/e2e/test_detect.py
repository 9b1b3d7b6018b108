"""Things in pictures through a gateway; the detector is made here and its weights are random."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from edgemesh.compute.v1 import tensor_pb2
from support import detectors, picture_model, rpc

from e2e.test_clients import CLIENTS, output
from edgemesh_local.mesh import Mesh

pytestmark = pytest.mark.needs("ml")


@pytest.fixture(scope="module")
async def detecting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mesh]:
    models = tmp_path_factory.mktemp("models")
    detectors.put(models / "made-up")
    settings = {"ml": {"MODELS_DIR": str(models), "WORKERS": "1", "SPARES": "0"}}
    async with Mesh(("ml",), settings=settings) as running:
        yield running


def image(data: bytes) -> dict[str, tensor_pb2.Tensor]:
    return {
        "image": tensor_pb2.Tensor(
            dtype=tensor_pb2.DATA_TYPE_BYTES, shape=[len(data)], data=data, media_type="image/png"
        )
    }


async def test_a_picture_through_the_gateway(detecting: Mesh) -> None:
    async with rpc.connect(detecting.address("gateway")) as peer:
        parameters = {"confidence": 0.1, "max_detections": 3, "annotate": True}
        request = rpc.request("ml.detect", parameters)
        for name, tensor in image(picture_model.png(30, 40)).items():
            request.inputs[name].CopyFrom(tensor)
        response = await peer.compute.Compute(request, timeout=60)
        assert rpc.outcome(response) == "OK", response.failure
        told = json.loads(response.result)
        assert told["model"] == "made-up"
        things = told["images"][0]["things"]
        assert 1 <= len(things) <= 3
        assert all(0 <= left < right <= 40 for left, _, right, _ in (t["box"] for t in things))
        assert response.outputs["annotated"].data.startswith(b"\x89PNG")


async def test_a_text_named_png_is_refused_by_its_name(detecting: Mesh) -> None:
    async with rpc.connect(detecting.address("gateway")) as peer:
        for parameters, data, field in (
            ({}, b"no picture", "inputs.image"),
            ({"confidence": 1.5}, picture_model.png(4, 4), "parameters.confidence"),
        ):
            request = rpc.request("ml.detect", parameters)
            request.inputs["image"].CopyFrom(image(data)["image"])
            told = await rpc.refused(peer.compute.Compute(request, timeout=60))
            assert told.code == grpc.StatusCode.INVALID_ARGUMENT
            assert field in told.fields, told


async def test_the_example(detecting: Mesh, tmp_path: Path) -> None:
    picture = tmp_path / "noise.png"
    picture.write_bytes(picture_model.png(48, 64))
    said = await output(
        sys.executable,
        "find_things.py",
        str(picture),
        detecting.address("gateway"),
        cwd=CLIENTS / "python" / "example",
    )
    *things, file = said.splitlines()
    assert 1 <= len(things) <= 5
    assert all(re.fullmatch(r"(cat|dog|bird) 0\.\d\d \[\d+, \d+, \d+, \d+\]", t) for t in things)
    assert file == "noise.found.png"
    assert (tmp_path / file).read_bytes().startswith(b"\x89PNG")

"""Models in ONNX, and where somebody speaks, through a gateway: the two models that are fetched."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import numpy as np
import pytest
from edgemesh.compute.v1 import algorithm_pb2, tensor_pb2
from support import arrays, rpc

from e2e.test_clients import CLIENTS, output
from edgemesh_local.layout import Layout
from edgemesh_local.mesh import Mesh

pytestmark = pytest.mark.needs("ml")

LAYOUT = Layout.here()
VOWELS = LAYOUT.root / "executor_ml" / "tests" / "golden" / "sound" / "vowels.wav"
EXAMPLES = CLIENTS / "python" / "example"


@pytest.fixture(scope="module")
async def graphs(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Mesh, Path]]:
    models = tmp_path_factory.mktemp("models")
    for name in ("magika", "silero-vad"):
        shutil.copytree(LAYOUT.cache / "models" / name, models / name)
    settings = {"ml": {"MODELS_DIR": str(models), "WORKERS": "1", "SPARES": "0"}}
    async with Mesh(("ml",), settings=settings) as running:
        yield running, models


async def test_tensors_by_name_through_the_gateway(graphs: tuple[Mesh, Path]) -> None:
    async with rpc.connect(graphs[0].address("gateway")) as peer:
        listed = await peer.algorithms.ListAlgorithms(
            algorithm_pb2.ListAlgorithmsRequest(), timeout=10
        )
        (told,) = [each.algorithm for each in listed.algorithms if each.algorithm.name == "ml.onnx"]
        inputs = {each.name: each.description for each in told.inputs}
        assert inputs["sr"] == "silero-vad: int64 []"
        assert inputs["bytes"].startswith("magika: int32 [")
        window = {
            "input": np.zeros((1, 576), np.float32),
            "state": np.zeros((2, 1, 128), np.float32),
            "sr": np.array(16_000, np.int64),
        }
        chosen = {"model": "silero-vad"}
        request = rpc.request("ml.onnx", chosen, window)
        response = await peer.compute.Compute(request, timeout=60)
        assert rpc.outcome(response) == "OK", response.failure
        assert json.loads(response.result) == {"model": "silero-vad", "model_version": "6"}
        assert 0 < arrays.array(response.outputs["output"])[0, 0] < 0.1
        assert arrays.array(response.outputs["stateN"]).shape == (2, 1, 128)
        for wrong, field in (
            ({"input": np.zeros((1, 576), np.float64)}, "inputs.input.dtype"),
            ({"state": np.zeros((1, 1, 128), np.float32)}, "inputs.state.shape"),
            ({"state": np.zeros((2, 2, 128), np.float32)}, "inputs.state.shape"),
        ):
            request = rpc.request("ml.onnx", chosen, window | wrong)
            refusal = await rpc.refused(peer.compute.Compute(request, timeout=60))
            assert refusal.code == grpc.StatusCode.INVALID_ARGUMENT
            assert any(each.startswith(field) for each in refusal.fields), refusal


async def test_speech_and_what_is_no_sound(graphs: tuple[Mesh, Path]) -> None:
    async with rpc.connect(graphs[0].address("gateway")) as peer:
        request = rpc.request("ml.vad", {"threshold": 2})
        request.inputs["audio"].CopyFrom(
            tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_BYTES, data=VOWELS.read_bytes())
        )
        refusal = await rpc.refused(peer.compute.Compute(request, timeout=60))
        assert refusal.fields.keys() == {"parameters.threshold"}
        request.parameters = ""
        request.inputs["audio"].data = b"no sound"
        refusal = await rpc.refused(peer.compute.Compute(request, timeout=60))
        assert refusal.fields.keys() == {"inputs.audio"}


async def test_the_examples(graphs: tuple[Mesh, Path]) -> None:
    mesh, models = graphs
    address = mesh.address("gateway")
    said = await output(sys.executable, "find_speech.py", str(VOWELS), address, cwd=EXAMPLES)
    *spans, summary = said.splitlines()
    assert len(spans) == 3
    assert all(" --> " in span for span in spans)
    assert summary.endswith(" of 6.67 s")
    labels = models / "magika" / "labels.json"
    said = await output(
        sys.executable, "file_type.py", str(labels), "file_type.py", address, cwd=EXAMPLES
    )
    assert said.startswith(("file_type.py: python 0.9", "file_type.py: python 1.0"))

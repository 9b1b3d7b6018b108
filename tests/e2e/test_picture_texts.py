"""Captions, and answers to questions, through a gateway; the models' weights are made up."""

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
async def writing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mesh]:
    models = tmp_path_factory.mktemp("models")
    for name in ("caption", "answer"):
        made = await asyncio.create_subprocess_exec(
            sys.executable, str(MAKER), "blip", name, str(models / name)
        )
        assert await made.wait() == 0
    settings = {"ml": {"MODELS_DIR": str(models), "WORKERS": "1", "SPARES": "0"}}
    wanted = {"ml.caption_image", "ml.answer_image"}
    async with Mesh(("ml",), settings=settings) as running:
        async with rpc.connect(running.address("gateway")) as peer:

            async def offered() -> bool:
                asked = algorithm_pb2.ListAlgorithmsRequest(namespace="ml")
                found = await peer.algorithms.ListAlgorithms(asked, timeout=10)
                return wanted <= {each.algorithm.name for each in found.algorithms}

            await until(offered, "both algorithms are offered")
        yield running


async def test_a_question_through_the_gateway(writing: Mesh) -> None:
    async with rpc.connect(writing.address("gateway")) as peer:
        asked = rpc.request("ml.answer_image", {"question": "how many?", "max_tokens": 3})
        picture = picture_model.png(30, 40)
        asked.inputs["image"].CopyFrom(
            tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_BYTES, data=picture)
        )
        response = await peer.compute.Compute(asked, timeout=60)
        assert rpc.outcome(response) == "OK", response.failure
        told = json.loads(response.result)
        assert told["model"] == "answer"
        assert 1 <= told["images"][0]["tokens"] <= 3
        asked.parameters = "{}"
        told = await rpc.refused(peer.compute.Compute(asked, timeout=60))
        assert told.code == grpc.StatusCode.INVALID_ARGUMENT
        assert "'question' is a required" in told.fields["parameters"], told


async def test_the_example(writing: Mesh, tmp_path: Path) -> None:
    picture = tmp_path / "noise.png"
    picture.write_bytes(picture_model.png(48, 64))
    for question in ((), ("how many?",)):
        said = await output(
            sys.executable,
            "caption_image.py",
            str(picture),
            writing.address("gateway"),
            *question,
            cwd=CLIENTS / "python" / "example",
        )
        assert re.fullmatch(r"\d+ tokens, (stop|length)", said.splitlines()[-1]), said

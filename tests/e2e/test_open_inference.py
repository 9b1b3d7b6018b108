"""The Open Inference Protocol's own client, unchanged, from an environment of its own."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support import testing_plugins

from edgemesh_local.layout import Layout
from edgemesh_local.mesh import Mesh
from edgemesh_local.tool_environment import folder_of, is_whole

HERE = Path(__file__)
CLIENT = folder_of(Layout.here(), HERE.parents[1] / "requirements-triton.lock")
EXECUTORS = ("cpp", "ml", "pywasm")
FFT = [[0, 0], [0, -1], [0, 0], [0, 1]]

pytestmark = [
    pytest.mark.needs(*EXECUTORS),
    pytest.mark.skipif(
        not (is_whole(CLIENT) or os.environ.get("CI")),
        reason="the client's environment is not made; `make test` makes it",
    ),
]


@pytest.fixture(scope="module", params=["native", "python"])
async def own(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Mesh]:
    """A mesh of its own that serves REST too."""
    folder = tmp_path_factory.mktemp("inference")
    settings: dict[str, dict[str, str]] = {
        name: {"WORKERS": "1", "SPARES": "0", **testing_plugins.settings(name)}
        for name in EXECUTORS
    }
    settings["pywasm"]["SESSION_DIR"] = str(folder / "sessions")
    settings["gateway"] = {
        "REST_PORT": "0",
        "DATAPATH": str(request.param),
        "DATABASE": f"sqlite:///{folder}/gateway.db",
    }
    async with Mesh(EXECUTORS, settings=settings) as mesh:
        yield mesh


@pytest.mark.parametrize("way", ["grpc", "http"])
async def test_the_client_finds_what_it_looks_for(own: Mesh, way: str) -> None:
    address = own.address("gateway") if way == "grpc" else own.http("gateway")
    process = await asyncio.create_subprocess_exec(
        *(str(CLIENT / "bin" / "python"), str(HERE.with_name("triton_client.py")), way, address),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()[-3000:]
    told = json.loads(out)
    assert (told["live"], told["ready"], told["server"]) == (True, True, "edgemesh")
    assert (told["model_ready"], told["other_ready"]) == (True, False)
    assert {"cpp.fft", "ml.embed", "python.run"} < set(told["index"])
    inputs, outputs = (
        {t["name"]: t for t in told["model"][side]} for side in ("inputs", "outputs")
    )
    assert inputs["texts"]["datatype"] == "BYTES"
    assert [int(n) for n in outputs["embeddings"]["shape"]] == [-1, -1]
    assert outputs["result"]["datatype"] == "BYTES"
    # Complex numbers are pairs.
    assert told["fft"] == FFT
    assert told["matmul"] == ["float32", [[5, 14], [14, 50]]]
    assert told["embed"] == [[2, 384], pytest.approx(1, abs=1e-5), True]
    assert told["text"] == 4
    assert told["python"] == ["float16", [[1.0, 3.0]], {"n": 1}, "here\n"]
    assert "no executor offers algorithm 'cpp.nothing'" in told["unknown"][1]
    assert "parameters.norm" in told["wrong"][1]
    assert "EXCEPTION: ZeroDivisionError" in told["failed"][1]
    assert "not offered here" in told["load"][1]
    if way == "grpc":
        codes = [told[name][0] for name in ("unknown", "wrong", "failed", "load")]
        assert codes == [
            "StatusCode.NOT_FOUND",
            "StatusCode.INVALID_ARGUMENT",
            "StatusCode.UNKNOWN",
            "StatusCode.UNIMPLEMENTED",
        ]
        first, second, third = told["stream"]
        assert first == ["ortho", FFT]
        assert "parameters.norm" in second
        # What failed did not end the stream.
        assert third[0] == "backward"
    else:
        # numpy's own norm is twice as large.
        assert told["json"] == [[2 * re, 2 * im] for re, im in FFT]
        codes = [told[name][0] for name in ("unknown", "wrong", "failed", "load")]
        assert codes == ["404", "400", "500", "501"]

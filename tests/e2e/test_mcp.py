"""The Model Context Protocol's own client on real executors: native code, models, Python."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from mcp import Client
from support import testing_plugins

from edgemesh_local.mesh import Mesh

pytestmark = pytest.mark.needs("cpp", "ml", "pywasm")

EXECUTORS = ("cpp", "ml", "pywasm")
FIGURE = """
import matplotlib.pyplot as plt
plt.plot([1, 4, 9])
print("drawn")
output = {"points": 3}
"""
AGENT = """
import edgemesh, numpy
y = edgemesh.call("cpp.fft", x=numpy.array([0.0, 1.0, 0.0, -1.0]))["y"]
output = [float(abs(v)) for v in y]
"""


@pytest.fixture(scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Where a mesh of its own serves the protocol."""
    folder = tmp_path_factory.mktemp("mcp")
    settings: dict[str, dict[str, str]] = {
        name: {"WORKERS": "1", "SPARES": "0", **testing_plugins.settings(name)}
        for name in EXECUTORS
    }
    settings["pywasm"]["SESSION_DIR"] = str(folder / "sessions")
    settings["gateway"] = {"REST_PORT": "0", "DATABASE": f"sqlite:///{folder}/gateway.db"}
    async with Mesh(EXECUTORS, settings=settings) as mesh:
        yield f"http://{mesh.http('gateway')}/mcp"


async def called(url: str, tool: str, arguments: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """What a tool's call comes to: its structured content, and all of it."""
    async with Client(url, read_timeout_seconds=60) as client:
        told = await client.call_tool(tool, arguments)
    return told.structured_content, told


async def test_every_algorithm_is_a_tool(url: str) -> None:
    async with Client(url) as client:
        tools = {each.name: each for each in (await client.list_tools()).tools}
    assert {"cpp-fft", "ml-embed", "ml-chat", "python-run"} <= tools.keys()
    assert len(tools) == len({each.title for each in tools.values()})
    code = tools["python-run"].input_schema
    assert "code" in code["required"]
    assert code["properties"]["code"]["type"] == "string"
    assert tools["cpp-fft"].input_schema["required"] == ["x"]


async def test_native_code(url: str) -> None:
    array = np.random.default_rng(2).normal(size=(3, 4))
    told, _ = await called(url, "cpp-fft", {"x": array.tolist(), "norm": "ortho"})
    pairs = np.array(told["outputs"]["y"]["data"])
    expected = np.fft.fftn(array, norm="ortho")
    np.testing.assert_allclose(pairs[..., 0] + 1j * pairs[..., 1], expected, atol=1e-12)


async def test_models(url: str) -> None:
    told, _ = await called(url, "ml-embed", {"texts": ["a lighthouse"]})
    assert told["outputs"]["embeddings"]["shape"] == [1, 384]
    wrong, whole = await called(url, "ml-embed", {"texts": "a lighthouse"})
    assert whole.is_error
    assert wrong["violations"][0]["field"] == "parameters.texts"


async def test_a_figure_is_a_picture(url: str) -> None:
    told, whole = await called(url, "python-run", {"code": FIGURE})
    assert (told["result"], told["stdout"]) == ({"points": 3}, "drawn\n"), told
    text, picture = whole.content
    assert json.loads(text.text)["stdout"] == "drawn\n"
    assert picture.mime_type == "image/png"
    assert base64.b64decode(picture.data).startswith(b"\x89PNG\r\n")


async def test_a_session_goes_on(url: str) -> None:
    options = {"session_id": "mcp"}
    await called(url, "python-run", {"code": "x = 41", "options": options})
    told, _ = await called(url, "python-run", {"code": "x + 1", "options": options})
    assert told["result"] == 42, told


async def test_a_program_may_call_what_it_was_granted(url: str) -> None:
    granted = {"capabilities": ["call:cpp.fft"]}
    told, _ = await called(url, "python-run", {"code": AGENT, "options": granted})
    assert told["result"] == pytest.approx([0, 2, 0, 2]), told


async def test_what_ends_badly_is_told_to_the_model(url: str) -> None:
    told, whole = await called(url, "python-run", {"code": "1 / 0"})
    assert whole.is_error
    assert (told["outcome"], told["failure"]["type"]) == ("EXCEPTION", "ZeroDivisionError")
    limits = {"limits": {"run_time_ms": 300}}
    hostile = {"code": "print('on'); \nwhile True: pass", "options": limits}
    told, whole = await called(url, "python-run", hostile)
    assert (whole.is_error, told["outcome"], told["stdout"]) == (True, "TIMEOUT", "on\n")

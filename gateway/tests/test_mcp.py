"""The protocol's own client against a gateway over fake executors: both of its eras."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from edgemesh.compute.v1 import algorithm_pb2, tensor_pb2
from edgemesh.executor.v1 import executor_pb2
from fake_executor import FakeExecutor
from house import House, eventually, house, http
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from test_authenticate import KEYS, entry

ERAS = ("legacy", "auto")
LONG = "fake." + "x" * 70


class Described(FakeExecutor):
    """Describes one of its algorithms as executors do."""

    def __init__(self) -> None:
        super().__init__(algorithms=("fake.echo", "fake.other", LONG))

    def description(self) -> executor_pb2.DescribeResponse:
        found = super().description()
        echo = found.algorithms[0]
        echo.description, echo.any_inputs, echo.idempotent = "Says it again", True, True
        echo.parameters_schema = json.dumps(
            {"properties": {"do": {"$ref": "#/$defs/do"}}, "$defs": {"do": {"type": "string"}}}
        )
        spec = algorithm_pb2.TensorSpec(
            name="x", dtypes=[tensor_pb2.DATA_TYPE_FLOAT64], shape=[-1, 3], required=True
        )
        echo.inputs.append(spec)
        return found


@pytest.fixture
async def described() -> AsyncIterator[Described]:
    executor = Described()
    await executor.start()
    yield executor
    await executor.stop()


@pytest.fixture
async def gate(described: Described) -> AsyncIterator[House]:
    async with house({"fake": described.port}, rest_port=0) as running:
        yield running


@asynccontextmanager
async def connect(
    gate: House, era: str = "auto", key: str = "", **headers: str
) -> AsyncGenerator[Client]:
    if key:
        headers["Authorization"] = f"Bearer {key}"
    async with httpx2.AsyncClient(headers=headers, timeout=20) as web:
        transport = streamable_http_client(f"http://{gate.mesh.http_address}/mcp", http_client=web)
        async with Client(transport, mode=era, read_timeout_seconds=20) as client:
            yield client


@pytest.mark.parametrize("era", ERAS)
async def test_algorithms_are_tools(gate: House, era: str) -> None:
    async with connect(gate, era) as client:
        info = client.server_info
        assert info is not None
        assert info.name == "edgemesh"
        tools = {each.name: each for each in (await client.list_tools()).tools}
        # As long a name as models' interfaces take, and still to be called.
        (long,) = (name for name in tools if name.startswith("fake-xx"))
        assert len(long) == 64
        assert (await client.call_tool(long, {})).structured_content["algorithm"] == LONG
    assert {"fake-echo", "fake-other"} < tools.keys()
    echo = tools["fake-echo"]
    assert echo.description == "Says it again"
    assert echo.title == "fake.echo"
    assert echo.annotations is not None
    assert echo.annotations.idempotent_hint is True
    schema = echo.input_schema
    assert schema["required"] == ["x"]
    assert schema["properties"].keys() == {"do", "x", "tensors", "options"}
    # What a schema refers to is still where it says.
    assert schema["$defs"] == {"do": {"type": "string"}}
    assert schema["properties"]["x"]["description"].startswith("x (float64 ['any', 3])")


@pytest.mark.parametrize("era", ERAS)
async def test_a_call_is_the_contracts(gate: House, era: str) -> None:
    picture = {"base64": "iVBORw==", "media_type": "image/png"}
    many = {"dtype": "uint8", "shape": [300], "base64": "AAAA" * 100}
    async with connect(gate, era) as client:
        arguments = {"x": [[1, 2, 3]], "tensors": {"p": picture, "many": many}}
        told = await client.call_tool("fake-echo", arguments)
    assert not told.is_error
    text, image = told.content
    structured = told.structured_content
    assert structured["outcome"] == "OK"
    assert structured["outputs"]["x"] == {
        "dtype": "float64",
        "shape": [1, 3],
        "data": [[1.0, 2.0, 3.0]],
    }
    assert structured["outputs"]["many"]["data"] == [0] * 300
    assert structured["outputs"]["p"] == {
        "dtype": "bytes",
        "shape": [4],
        "media_type": "image/png",
    }
    assert image.model_dump(include={"type", "data", "mime_type"}) == {
        "type": "image",
        "data": "iVBORw==",
        "mime_type": "image/png",
    }
    read = json.loads(text.model_dump()["text"])
    assert read["outputs"]["x"]["data"] == [[1.0, 2.0, 3.0]]
    # What a model would not read is not in what it reads.
    assert read["outputs"]["many"] == {"dtype": "uint8", "shape": [300]}


@pytest.mark.parametrize("era", ERAS)
async def test_what_is_refused_is_told_to_the_model(gate: House, era: str) -> None:
    async with connect(gate, era) as client:
        wrong = await client.call_tool("fake-echo", {"do": "fail", "x": [1]})
        tensor = await client.call_tool("fake-echo", {"x": "text"})
        option = await client.call_tool("fake-echo", {"options": {"nonsense": 1}})
        with pytest.raises(MCPError) as unknown:
            await client.call_tool("fake-ekho", {})
    for told, field in ((wrong, "parameters.n"), (tensor, "inputs.x"), (option, "options")):
        assert told.is_error
        assert told.structured_content["violations"][0]["field"].startswith(field)
        assert json.loads(told.content[0].model_dump()["text"]) == told.structured_content
    assert unknown.value.code == -32602
    assert "fake.echo" in unknown.value.message


@pytest.mark.parametrize("era", ERAS)
async def test_a_deadline_passes(gate: House, described: Described, era: str) -> None:
    async with connect(gate, era, **{"Edgemesh-Deadline-Ms": "10000"}) as client:
        told = await client.call_tool("fake-other", {})
        assert 9 < told.structured_content["result"]["left"] < 10
        late = await client.call_tool("fake-other", {"do": "hold", "options": {"deadline_ms": 150}})
    assert late.is_error
    assert late.structured_content["reason"] == "DEADLINE_EXCEEDED"
    await eventually(lambda: described.running == 0)


@pytest.mark.parametrize("era", ERAS)
async def test_who_leaves_ends_the_work(gate: House, described: Described, era: str) -> None:
    async def hold() -> None:
        async with connect(gate, era) as client:
            await client.call_tool("fake-other", {"do": "hold"})

    task = asyncio.create_task(hold())
    await eventually(lambda: described.running == 1)
    task.cancel()
    await asyncio.wait({task})
    await eventually(lambda: described.cancelled == 1)


async def test_a_call_that_is_cancelled_ends_the_work(gate: House, described: Described) -> None:
    async with connect(gate) as client:
        task = asyncio.create_task(client.call_tool("fake-other", {"do": "hold"}))
        await eventually(lambda: described.running == 1)
        task.cancel()
        await asyncio.wait({task})
        await eventually(lambda: described.cancelled == 1)
        assert not (await client.call_tool("fake-other", {})).is_error


async def test_callers_see_the_tools_that_they_may_call(
    described: Described, tmp_path: Path
) -> None:
    keys, policy = tmp_path / "keys.toml", tmp_path / "policy.toml"
    keys.write_text("".join(entry(tenant, key) for tenant, key in KEYS.items()))
    policy.write_text(
        '[tenants.physics]\nscopes = ["fake.echo"]\nrate = "1/hour"\n[tenants.chemistry]\n'
    )
    async with house({"fake": described.port}, rest_port=0, api_keys=keys, policy=policy) as gate:
        async with connect(gate, key=KEYS["physics"]) as client:
            assert [each.name for each in (await client.list_tools()).tools] == ["fake-echo"]
            denied = await client.call_tool("fake-other", {})
            assert denied.structured_content["metadata"]["scope"] == "fake.other"
            first = await client.call_tool("fake-echo", {"x": [1]})
            assert first.structured_content["result"]["edgemesh-tenant"] == "physics"
            limited = await client.call_tool("fake-echo", {"x": [1]})
            assert limited.structured_content["reason"] == "RATE_LIMITED"
            assert limited.structured_content["retry_after_ms"] > 0
        async with http(gate.mesh, Authorization="Bearer wrong") as web:
            answer = await web.post("/mcp", json={})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_what_only_http_can_get_wrong(gate: House) -> None:
    async with http(gate.mesh) as web:
        assert (await web.get("/mcp")).status_code == 405
        assert (await web.post("/mcp", content=b"{")).status_code == 400
        foreign = await web.post("/mcp", json={}, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403


async def test_the_package_is_not_imported_before_it_is_asked_for() -> None:
    program = "import sys, edgemesh_gateway.rest.front; print('mcp' in sys.modules)"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert out == b"False\n"


async def test_it_can_be_switched_off(described: Described) -> None:
    async with (
        house({"fake": described.port}, rest_port=0, mcp=False) as gate,
        http(gate.mesh) as web,
    ):
        assert (await web.post("/mcp", json={})).status_code == 404

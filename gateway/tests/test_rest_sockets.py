"""The WebSocket: several pieces of work on one, told apart, cancelled, refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fake_executor import FakeExecutor
from house import House, eventually, house
from test_authenticate import KEYS, entry
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus


def url(gate: House) -> str:
    return f"ws://{gate.mesh.http_address}/api/v1/ws"


@pytest.fixture
async def socket(gate: House) -> AsyncIterator[ClientConnection]:
    async with connect(url(gate)) as made:
        yield made


async def ask(socket: ClientConnection, **fields: Any) -> None:
    await socket.send(json.dumps({"algorithm": "fake.echo", **fields}))


async def heard(socket: ClientConnection) -> dict[str, Any]:
    message = await socket.recv()
    told: dict[str, Any] = json.loads(message)
    return told


async def test_work_of_one_socket_runs_side_by_side(
    socket: ClientConnection, fake: FakeExecutor
) -> None:
    await ask(socket, request_id="slow", parameters={"do": "hold"})
    await eventually(lambda: fake.running == 1)
    await ask(socket, request_id="fast", parameters={"events": 1}, inputs={"x": [1, 2]})
    first, second = await heard(socket), await heard(socket)
    assert [(e["request_id"], e["event"], e["sequence"]) for e in (first, second)] == [
        ("fast", "progress", 1),
        ("fast", "response", 2),
    ]
    assert second["data"]["outputs"]["x"]["data"] == [1.0, 2.0]
    await socket.send(json.dumps({"cancel": "slow"}))
    last = await heard(socket)
    assert (last["request_id"], last["event"]) == ("slow", "error")
    assert last["data"]["reason"] == "CANCELLED"
    await eventually(lambda: fake.cancelled == 1)


async def test_what_is_wrong_is_said_and_the_socket_goes_on(
    socket: ClientConnection, fake: FakeExecutor
) -> None:
    cases: list[tuple[str, str]] = [
        ("{", "message"),
        ("[]", "message"),
        ("{}", "algorithm"),
        ('{"algorithm": "fake.echo", "request_id": "a b"}', "request_id"),
        ('{"algorithm": "fake.echo", "inputs": {"x": "t"}}', "inputs.x"),
        ('{"cancel": 1}', "cancel"),
    ]
    for text, field in cases:
        await socket.send(text)
        told = await heard(socket)
        assert told["event"] == "error"
        assert [each["field"] for each in told["data"]["violations"]] == [field], text
    await ask(socket, request_id="a", parameters={"do": "hold"})
    await eventually(lambda: fake.running == 1)
    await ask(socket, request_id="a")
    assert (await heard(socket))["data"]["violations"][0]["field"] == "request_id"
    fake.release.set()
    assert (await heard(socket))["event"] == "response"


async def test_closing_it_cancels_all(gate: House, fake: FakeExecutor) -> None:
    async with connect(url(gate)) as socket:
        for _ in range(2):
            await ask(socket, parameters={"do": "hold"})
        await eventually(lambda: fake.running == 2)
    await eventually(lambda: fake.cancelled == 2)


async def test_bytes_are_no_message(socket: ClientConnection) -> None:
    await socket.send(b"{}")
    with pytest.raises(ConnectionClosed) as closed:
        await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1003


async def test_other_sites_pages_and_callers_without_a_key_are_refused(
    fake: FakeExecutor, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.toml"
    keys.write_text("".join(entry(tenant, key) for tenant, key in KEYS.items()))
    async with house({"fake": fake.port}, rest_port=0, api_keys=keys) as gate:
        with pytest.raises(InvalidStatus) as refused:
            await connect(url(gate))
        assert refused.value.response.status_code == 401
        key = {"Authorization": f"Bearer {KEYS['physics']}"}
        with pytest.raises(InvalidStatus) as refused:
            await connect(url(gate), origin="https://evil.example", additional_headers=key)  # type: ignore[arg-type]
        assert refused.value.response.status_code == 403
        async with connect(url(gate), additional_headers=key) as socket:
            await ask(socket)
            told = await heard(socket)
            assert told["data"]["result"]["edgemesh-tenant"] == "physics"

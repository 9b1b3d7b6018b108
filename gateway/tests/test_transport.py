"""Callers that do not speak as they should: slowly, halfway, too much, or not at all.

Whatever one of them does, the others are served, and what it held is given back.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import zlib
from pathlib import Path
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import algorithm_pb2
from fake_executor import FakeExecutor
from house import House, Refusal, eventually, house, request
from http2 import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PREFACE,
    Connection,
    frame,
    head,
    message,
)
from test_authenticate import KEYS, keys

__all__ = ["keys"]
PATIENCE_S = 20.0
ECHO = request().SerializeToString()


def held(gate: House) -> float | None:
    """Bytes of requests that are inside."""
    return gate.mesh.metrics.registry.get_sample_value("edgemesh_held_bytes")


async def ended(connection: Connection, *streams: int) -> dict[int, int]:
    async with asyncio.timeout(PATIENCE_S):
        return await connection.ended(*streams)


async def test_who_speaks_slowly_holds_up_nobody(gate: House, fake: FakeExecutor) -> None:
    """Slow-loris: greetings, heads and messages that come a byte at a time, and never whole."""
    slow: list[Connection] = []
    for number in range(60):
        connection = await Connection.open(gate.mesh.address, greet=number % 3 > 0)
        slow.append(connection)
        if number % 3 == 0:
            connection.send(PREFACE[: number % 20])
        elif number % 3 == 1:
            connection.send(frame(HEADERS, 0, 1, head()[: number % 40 + 1]))
        else:
            connection.call(1)
            connection.send(frame(DATA, 0, 1, message(ECHO, claimed=100_000)))
    for step in range(20):
        for connection in slow[2::3]:
            connection.send(frame(DATA, 0, 1, b"x"))
        await gate.call(request_id=f"r{step}")
    assert fake.running == 0
    assert len(fake.began) == 20
    for connection in slow:
        connection.reset()
    await eventually(lambda: held(gate) == 0)
    await gate.call()


async def test_a_strangers_half_message_takes_no_room(keys: Path, fake: FakeExecutor) -> None:
    settings: dict[str, Any] = {
        "api_keys": keys,
        "max_held_bytes": 200_000,
        "max_request_bytes": 100_000,
    }
    async with house({"fake": fake.port}, **settings) as gate:
        slow = [await Connection.open(gate.mesh.address) for _ in range(4)]
        for connection in slow:
            connection.call(1)
            connection.send(frame(DATA, 0, 1, message(bytes(10_000), claimed=90_000)))
            for _ in range(5):
                connection.send(frame(DATA, 0, 1, bytes(10_000)))
        known = (("authorization", f"Bearer {KEYS['physics']}"),)
        for _ in range(20):
            await gate.compute.Compute(request(), metadata=known, timeout=PATIENCE_S)
            assert held(gate) == 0
        for connection in slow:
            connection.reset()


@pytest.mark.parametrize("how", ["reset", "close"])
async def test_what_a_lost_caller_held_is_given_back(
    gate: House, fake: FakeExecutor, how: str
) -> None:
    connection = await Connection.open(gate.mesh.address)
    for stream in (1, 3):
        connection.call(stream)
        hold = message(request(do="hold").SerializeToString())
        connection.send(frame(DATA, END_STREAM, stream, hold))
    await eventually(lambda: fake.running == 2)
    getattr(connection, how)()
    await eventually(lambda: fake.running == 0 and held(gate) == 0)
    await gate.call()


async def test_a_claimed_gigabyte_is_not_made_room_for(gate: House, fake: FakeExecutor) -> None:
    connection = await Connection.open(gate.mesh.address)
    connection.call(1)
    connection.send(frame(DATA, 0, 1, message(ECHO, claimed=1 << 30)))
    connection.call(3)
    connection.send(frame(DATA, END_STREAM, 3, message(ECHO, claimed=(1 << 32) - 1)))
    assert await ended(connection, 1, 3)
    assert (held(gate) or 0) < 1 << 20
    await gate.call()
    assert len(fake.began) == 1
    connection.close()


async def test_a_bomb_of_gzip_is_refused_before_it_is_large(
    gate: House, fake: FakeExecutor
) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros, bomb = bytes(1 << 20), bytearray()
    for _ in range(48):
        bomb += packer.compress(zeros)
    bomb += packer.flush()
    assert len(bomb) < 60_000  # less than a window, so that nothing has to be waited for
    connection = await Connection.open(gate.mesh.address)
    connection.call(1, (b"grpc-encoding", b"gzip"))
    for start in range(0, len(bomb), 16_384):
        piece = bytes(bomb[start : start + 16_384])
        first = message(b"", claimed=len(bomb), compressed=True) if start == 0 else b""
        last = END_STREAM if start + 16_384 >= len(bomb) else 0
        for some in (first, piece):
            if some:
                connection.send(frame(DATA, last if some is piece else 0, 1, some))
    assert await ended(connection, 1)
    assert not fake.began
    connection.close()
    connection = await Connection.open(gate.mesh.address)
    torn = gzip.compress(ECHO)[:-6]
    connection.call(1, (b"grpc-encoding", b"gzip"))
    connection.send(frame(DATA, END_STREAM, 1, message(torn, compressed=True)))
    assert await ended(connection, 1)
    connection.close()
    await gate.call()


async def test_a_flood_of_headers_ends_its_own_connection(
    gate: House, fake: FakeExecutor, datapath: str
) -> None:
    lone = await Connection.open(gate.mesh.address)
    lone.call(1, *((f"x-{number}".encode(), b"v" * 100) for number in range(120)))
    lone.send(frame(DATA, END_STREAM, 1, message(request(request_id="lone").SerializeToString())))
    await ended(lone, 1)
    lone.close()
    connection = await Connection.open(gate.mesh.address)
    connection.send(frame(HEADERS, 0, 1, head()))
    try:
        for number in range(4000):
            more = b"\x00\x05x-" + f"{number:03d}"[:3].encode() + b"\x7f\x81\x07" + b"v" * 1024
            connection.send(frame(CONTINUATION, 0, 1, more))
            await connection.writer.drain()
        connection.send(frame(CONTINUATION, END_HEADERS, 1, b""))
        flood = request(request_id="flood").SerializeToString()
        connection.send(frame(DATA, END_STREAM, 1, message(flood)))
    except ConnectionError:
        pass
    assert await ended(connection, 1)
    connection.close()
    await gate.call()
    # gRPC's own server drops such headers at times, and serves the call.
    assert datapath == "python" or "flood" not in fake.began


@pytest.mark.parametrize(
    "header",
    [
        (b"edgemesh-request-id", b"\xff\xfe"),
        (b"authorization", b"Bearer \xc3\x28"),
        (b"x-other", b"\x80\x81"),
        (b"grpc-timeout", b"\xff\xffS"),
        (b"grpc-timeout", b"99999999999H"),
        (b"grpc-timeout", b"-1S"),
        (b"edgemesh-tenant", b"\xff"),
        (b"x-bin", b"!!! no base64"),
    ],
)
async def test_metadata_that_is_no_text(
    gate: House, caplog: pytest.LogCaptureFixture, header: tuple[bytes, bytes]
) -> None:
    caplog.set_level(logging.WARNING)
    connection = await Connection.open(gate.mesh.address)
    connection.call(1, header)
    connection.send(frame(DATA, END_STREAM, 1, message(ECHO)))
    assert await ended(connection, 1)
    connection.close()
    await gate.call()
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    "header",
    [
        (b"grpc-timeout", b"1.5m"),
        (b"grpc-encoding", b"snappy"),
        (b"grpc-previous-rpc-attempts", b"many"),
        (b"te", b"nothing"),
        (b"x-mine-bin", b"*"),
    ],
)
async def test_what_one_caller_wrote_wrong_troubles_no_other(
    gate: House, header: tuple[bytes, bytes]
) -> None:
    """What Python answers comes to it by connections that all callers share."""
    listing = "/edgemesh.compute.v1.AlgorithmService/ListAlgorithms"
    for _ in range(8):
        connection = await Connection.open(gate.mesh.address)
        connection.send(frame(HEADERS, END_HEADERS, 1, head([header], listing)))
        connection.send(frame(DATA, END_STREAM, 1, message(b"")))
        assert await ended(connection, 1)
        connection.close()
    for count in range(20):
        metadata = (("x-mine-bin", bytes([count])),)
        assert await gate.algorithms.ListAlgorithms(
            algorithm_pb2.ListAlgorithmsRequest(), timeout=20 + count / 7, metadata=metadata
        )


async def test_frames_out_of_order(gate: House) -> None:
    for content in (
        frame(DATA, 0, 1, b"x"),
        frame(CONTINUATION, END_HEADERS, 1, b""),
        frame(HEADERS, END_HEADERS, 2, head()),
        frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff"),
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        bytes(range(256)) * 8,
    ):
        connection = await Connection.open(gate.mesh.address)
        connection.send(content)
        connection.finish()
        if content[3] != HEADERS:  # a stream of the wrong number may be let be
            assert await ended(connection, 1) == {1: GOAWAY}
        connection.close()
    await gate.call()


async def test_refusals_of_the_transport_are_typed_where_it_can_be(gate: House) -> None:
    """What gRPC's own server refuses for its size says why, as the mesh's refusals do."""
    untyped: Any = gate.channel
    ask = untyped.unary_unary("/edgemesh.compute.v1.ComputeService/Compute")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(request(parameters=" " * (3 << 20)).SerializeToString(), timeout=PATIENCE_S)
    assert Refusal(caught.value).reason == "PAYLOAD_TOO_LARGE"

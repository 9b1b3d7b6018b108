"""The probe against real servers: grpcio's with its health, what is no gRPC, and nothing."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator

import grpc
import pytest

from mesh_service.probe import NotServing, ask
from mesh_service.server import MeshServer
from mesh_service.settings import ServiceSettings


@pytest.fixture
async def server() -> AsyncIterator[MeshServer]:
    server = MeshServer(ServiceSettings(drain_s=0.0))
    await server.start()
    yield server
    await server.stop()


async def said(address: str, service: str = "") -> int:
    return await asyncio.to_thread(ask, address, service)


async def test_status_of_the_server_and_of_a_part(server: MeshServer) -> None:
    assert await said(server.address) == 2
    await server.set_serving(True)
    assert await said(server.address) == 1
    await server.set_health("a.plugin", False)
    assert await said(server.address, "a.plugin") == 2


async def test_unknown_service_is_not_serving(server: MeshServer) -> None:
    with pytest.raises(NotServing, match="no such service"):
        await said(server.address, "nobody")


async def test_server_without_health() -> None:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    with pytest.raises(NotServing, match="no such service"):
        await said(f"127.0.0.1:{port}")
    await server.stop(0)


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\0\0\0\7\0\0\0\0\1", b"\xff" * 64]
)
async def test_peer_that_speaks_something_else(answer: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(24)
        writer.write(answer)
        writer.close()

    other = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = other.sockets[0].getsockname()[1]
    with pytest.raises(NotServing):
        await said(f"127.0.0.1:{port}")
    other.close()


def test_peer_that_says_nothing_is_given_up() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(NotServing, match="timed out"),
    ):
        ask(f"127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.1)


async def test_command(server: MeshServer) -> None:
    async def run(address: str) -> tuple[int, str, str]:
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-I", "-m", "mesh_service.probe", address],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    assert await run(server.address) == (1, "NOT_SERVING\n", "")
    await server.set_serving(True)
    assert await run(server.address) == (0, "SERVING\n", "")
    status, out, err = await run("127.0.0.1:1")
    assert (status, out) == (1, "")
    assert err == "127.0.0.1:1: [Errno 111] Connection refused\n"
    assert await run("nowhere") == (1, "", "<host>:<port>, not 'nowhere'\n")

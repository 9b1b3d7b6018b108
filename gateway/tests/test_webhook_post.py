"""One POST: to the address that was looked at, with the name that TLS asks for, and no further."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority
from receiver import Receiver

from edgemesh_gateway.webhooks import post
from edgemesh_gateway.webhooks.answer import Failed
from edgemesh_gateway.webhooks.hosts import Target
from edgemesh_gateway.webhooks.post import Poster


class Names:
    """What names stand for; each question is remembered."""

    def __init__(self, *addresses: str) -> None:
        self.asked: list[str] = []
        self._addresses = list(addresses)

    def __call__(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked.append(host)
        # Another answer each time, as who rebinds a name would give.
        address = self._addresses[min(len(self.asked), len(self._addresses)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Any:
    def standing(*addresses: str) -> Names:
        made = Names(*addresses)
        monkeypatch.setattr(socket, "getaddrinfo", made)
        return made

    return standing


def target(port: int, *, scheme: str = "http", host: str = "hooks.test", internal: bool) -> Target:
    return Target(scheme, host, port, "/told?by=us", internal)


async def test_a_name_is_asked_once_and_its_address_is_connected_to(names: Any) -> None:
    receiver = await Receiver(200).start()
    asked = names("127.0.0.1", "203.0.113.1")
    answer = await Poster().post(target(receiver.port, internal=True), {"a": "b"}, b"body")
    assert (answer.status, asked.asked) == (200, ["hooks.test"])
    (got,) = receiver.requests
    assert (got.line, got.body) == ("POST /told?by=us HTTP/1.1", b"body")
    assert got.headers["host"] == f"hooks.test:{receiver.port}"
    await receiver.stop()


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254"])
async def test_a_public_name_that_stands_for_an_internal_address(names: Any, address: str) -> None:
    receiver = await Receiver(200).start()
    names(address)
    with pytest.raises(Failed, match="not public") as caught:
        await Poster().post(target(receiver.port, internal=False), {}, b"")
    assert address not in str(caught.value)
    assert receiver.requests == []
    await receiver.stop()


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "localhost"])
async def test_however_this_machine_is_written(host: str) -> None:
    receiver = await Receiver(200).start()
    with pytest.raises(Failed, match=r"not public|not known"):
        await Poster().post(target(receiver.port, host=host, internal=False), {}, b"")
    assert receiver.requests == []
    await receiver.stop()


async def test_a_redirect_is_an_answer(names: Any) -> None:
    receiver = await Receiver(302, headers="location: http://127.0.0.1:1/\r\n").start()
    names("127.0.0.1")
    answer = await Poster().post(target(receiver.port, internal=True), {}, b"")
    assert answer.status == 302
    assert len(receiver.requests) == 1
    await receiver.stop()


async def test_retry_after_is_heard(names: Any) -> None:
    receiver = await Receiver(429, 503, headers="Retry-After: 7\r\n").start()
    names("127.0.0.1")
    answer = await Poster().post(target(receiver.port, internal=True), {}, b"")
    assert (answer.status, answer.retry_after_s) == (429, 7.0)
    await receiver.stop()


async def test_tls_asks_for_the_name(names: Any, tmp_path: Path) -> None:
    authority = Authority()
    pair = authority.write(tmp_path, "host")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(pair["tls_certificate"], pair["tls_key"])
    receiver = await Receiver(200).start(serving)
    names("127.0.0.1")
    poster = Poster(ssl.create_default_context(cadata=authority.pem.decode()))
    there = target(receiver.port, scheme="https", host="localhost", internal=True)
    assert (await poster.post(there, {}, b"x")).status == 200
    other = target(receiver.port, scheme="https", internal=True)
    with pytest.raises(Failed, match=r"certificate is not believed: .*hooks\.test"):
        await poster.post(other, {}, b"x")
    with pytest.raises(Failed, match="certificate is not believed"):
        await Poster().post(there, {}, b"x")
    assert len(receiver.requests) == 1
    await receiver.stop()


async def test_what_answers_nothing_late_or_rubbish(
    names: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "WHOLE_S", 0.2)
    names("127.0.0.1")
    answers: list[bytes] = [
        b"",
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 100_000,
    ]
    silent = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if answers:
            writer.write(answers.pop(0))
        else:
            await silent.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    there = target(server.sockets[0].getsockname()[1], internal=True)
    for expected in ("HTTP|broke", "HTTP", "HTTP|broke|within"):
        with pytest.raises(Failed, match=expected):
            await Poster().post(there, {}, b"")
    with pytest.raises(Failed, match="within 0 s"):
        await Poster().post(there, {}, b"")
    silent.set()
    server.close()
    await server.wait_closed()
    with pytest.raises(Failed, match="refuses the connection"):
        await Poster().post(there, {}, b"")

"""Requests of programs: what goes out, to whom, and what of the answer comes back."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from edgemesh_fetcher.errors import FetchError
from edgemesh_fetcher.hosts import Hosts, read_secrets
from edgemesh_fetcher.policy import Policy
from edgemesh_fetcher.request import Answer, send

from fetcher import servers
from fetcher.servers import served

Request = http.server.BaseHTTPRequestHandler
METHODS = ["GET", "HEAD", "POST", "PUT"]
SECRET = "correct-horse"


def echo(request: Request) -> None:
    """Tells what it was asked."""
    body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
    told = {
        "method": request.command,
        "path": request.path,
        "headers": {k.lower(): v for k, v in request.headers.items()},
        "body": body.decode(),
    }
    servers.send(request, json.dumps(told).encode(), X_Seen=str(request.headers["Authorization"]))


@pytest.fixture
def url() -> Iterator[str]:
    with served(echo) as url:
        yield url


def told(**fields: Any) -> dict[str, Any]:
    return {"methods": METHODS, "headers": {}, "internal": True} | fields


def asked(
    url: str,
    method: str = "GET",
    headers: Any = (),
    body: bytes = b"",
    *,
    hosts: dict[str, Any] | None = None,
    granted: Any = None,
    seconds: float = 5.0,
    most: int = 1 << 20,
) -> Answer:
    """Send one; by default to a host that is allowed by its name and port."""
    hosts = {url.split("/")[2]: told()} if hosts is None else hosts
    return send(
        method,
        url,
        headers,
        body,
        hosts=Hosts(hosts, {"token": SECRET, "unused": "abcdefgh"}),
        granted=hosts if granted is None else granted,
        policy=Policy(max_bytes=most),
        seconds=seconds,
    )


def refused(*args: Any, **options: Any) -> tuple[str, str]:
    with pytest.raises(FetchError) as caught:
        asked(*args, **options)
    return caught.value.kind, caught.value.message


def test_what_a_program_says_arrives(url: str) -> None:
    answer = asked(f"{url}/a?b=c", "POST", [("X-Own", "é")], b"body")
    found = json.loads(answer.body)
    assert (answer.status, answer.url) == (200, f"{url}/a?b=c")
    assert (found["method"], found["path"], found["body"]) == ("POST", "/a?b=c", "body")
    assert found["headers"]["x-own"] == "é"
    assert found["headers"]["host"] == url.split("/")[2]
    assert asked(url, "HEAD").body == b""
    assert json.loads(asked(url, "POST").body)["headers"]["content-length"] == "0"


def test_secrets_go_in_on_the_way_and_do_not_come_back(url: str) -> None:
    got: list[str | None] = []

    def keeping(request: Request) -> None:
        got.append(request.headers["Authorization"])
        echo(request)

    with served(keeping) as other:
        hosts = {other.split("/")[2]: told(headers={"Authorization": "Bearer {token}"})}
        answer = asked(other, headers=[("authorization", "mine")], hosts=hosts)
    assert got == [f"Bearer {SECRET}"]
    stars = "Bearer " + "*" * len(SECRET)
    assert json.loads(answer.body)["headers"]["authorization"] == stars
    assert dict(answer.headers)["X-Seen"] == stars
    assert SECRET not in repr(answer)


def test_a_secret_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.test: there is no secret 'lost'"):
        Hosts({"a.test": told(headers={"X": "{lost}"})}, {})
    file = tmp_path / "secrets.toml"
    file.write_text('a = "1"\nb-c = "x y"\n')
    assert read_secrets(file) == {"a": "1", "b-c": "x y"}
    for wrong in ("a = 1", 'a = "x\\r\\ny"', "a"):
        file.write_text(wrong)
        with pytest.raises(ValueError, match=r"secrets\.toml|Expected"):
            read_secrets(file)


def test_only_granted_hosts_are_asked(url: str) -> None:
    host = url.split("/")[2]
    port = host.partition(":")[2]
    assert refused(url, granted=[])[0] == "not_granted"
    assert refused(f"http://localhost:{port}/", hosts={host: told()})[0] == "not_granted"
    assert refused("http://127.0.0.1:1/", hosts={host: told()})[0] == "not_granted"
    assert refused("https://a.test/", hosts={".b.test": told()})[0] == "not_granted"
    assert refused("https://evil-b.test/", hosts={"b.test": told(), ".b.test": told()})[0] == (
        "not_granted"
    )
    assert refused("https://b.test@a.test/", hosts={"b.test": told()})[0] == "not_granted"
    assert refused(url, "DELETE") == (
        "refused",
        "127.0.0.1 may be asked by GET, HEAD, POST, PUT, not DELETE",
    )


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_an_address_that_is_not_public_is_asked_only_where_the_operator_says_so(
    url: str, name: str
) -> None:
    port = url.rpartition(":")[2]
    hosts = {f"{name}:{port}": told(internal=False)}
    kind, why = refused(f"https://{name}:{port}/", hosts=hosts)
    assert (kind, "not public" in why) == ("refused", True)
    kind, why = refused(f"http://{name}:{port}/", hosts=hosts)
    assert (kind, "https, not http" in why) == ("refused", True)


def test_redirects_stay_among_what_was_granted_and_secrets_with_their_host(url: str) -> None:
    got: list[tuple[str, str | None, str | None]] = []

    def hop(request: Request) -> None:
        length = int(request.headers.get("Content-Length") or 0)
        request.rfile.read(length)
        headers = request.headers
        got.append((request.command, headers["Authorization"], headers["Cookie"]))
        status, _, target = request.path[1:].partition("/")
        servers.send(request, b"", int(status), Location=f"http://{target}")

    with served(hop) as other:
        here, there = other.split("/")[2], url.split("/")[2]
        hosts = {here: told(headers={"Authorization": "{token}"}), there: told()}
        sent: Any = {"headers": [("Cookie", "c"), ("X-A", "1")], "body": b"b", "hosts": hosts}
        after = json.loads(asked(f"{other}/302/{there}/x", "POST", **sent).body)
        assert got == [("POST", SECRET, "c")]
        assert (after["method"], after["path"], after["body"]) == ("GET", "/x", "")
        assert after["headers"]["x-a"] == "1"
        assert not {"authorization", "cookie"} & set(after["headers"])
        after = json.loads(asked(f"{other}/307/{there}/x", "POST", **sent).body)
        assert (after["method"], after["body"]) == ("POST", "b")
        kind, why = refused(f"{other}/302/{there}/x", hosts=hosts, granted=[here])
        assert (kind, there in why) == ("not_granted", True)
        for target in ("169.254.169.254/latest", "[::1]/", "127.0.0.1:22/"):
            assert refused(f"{other}/302/{target}", hosts=hosts)[0] == "not_granted"
        assert (
            "redirects"
            in refused(f"{other}/302/{here}/302/{here}/302/{here}/302/{here}/302/x", hosts=hosts)[1]
        )


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ([("Host", "a.test")], "not a program's"),
        ([("transfer-encoding", "chunked")], "not a program's"),
        ([("Content-Length", "3")], "not a program's"),
        ([("Proxy-Authorization", "x")], "not a program's"),
        ([("X\r\nHost", "x")], "no header's name"),
        ([("", "x")], "no header's name"),
        ([("X", "a\r\nHost: b")], "characters"),
        ([("X", "a\x00")], "characters"),
        ([("X", "\u20ac")], "characters"),
        ([("X", "1")] * 65, "headers"),
        ([("X", "1" * 20_000)], "headers"),
    ],
)
def test_headers_that_are_not_a_programs(url: str, headers: Any, why: str) -> None:
    assert why in refused(url, headers=headers)[1]


def test_bytes_are_counted(url: str) -> None:
    assert refused(url, "POST", body=bytes(2000), most=1000)[0] == "too_large"
    with served(lambda request: servers.send(request, bytes(2000))) as large:
        assert refused(large, most=1000)[0] == "too_large"


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nX: "])
def test_who_is_slow_is_cut_off(sent: bytes) -> None:
    """Also one that sends a byte now and then, so that no single wait is long."""
    over = threading.Event()

    def drip(server: socket.socket) -> None:
        peer, _ = server.accept()
        with peer:
            peer.sendall(sent)
            while sent and not over.wait(0.05):
                try:
                    peer.sendall(b"a")
                except OSError:
                    return
            over.wait(10)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        began = time.monotonic()
        kind, _ = refused(f"http://127.0.0.1:{server.getsockname()[1]}/", seconds=0.4)
        spent = time.monotonic() - began
        over.set()
        thread.join()
    assert kind == "timeout"
    assert spent < 3


def test_nobody_there_and_nonsense() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert refused(f"http://127.0.0.1:{port}/")[0] == "unavailable"
    for bad in ("http://[::1/", "gopher://127.0.0.1/", "", "http://127.0.0.1:99999/"):
        hosts = {"127.0.0.1": told()}
        assert refused(bad, hosts=hosts)[0] in ("refused", "not_granted")

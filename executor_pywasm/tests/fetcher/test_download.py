from __future__ import annotations

import http.server
import ipaddress
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from edgemesh_fetcher import connect as module
from edgemesh_fetcher.download import download
from edgemesh_fetcher.errors import FetchError
from edgemesh_fetcher.policy import Policy

from fetcher.servers import send, served

HERE = Policy(
    hosts=("127.0.0.1",), networks=(ipaddress.ip_network("127.0.0.0/8"),), plain_http=True
)


def fetched(url: str, policy: Policy = HERE, most: int = 1 << 20) -> bytes:
    return b"".join(download(url, policy, most))


def refused(url: str, policy: Policy = HERE, most: int = 1 << 20) -> FetchError:
    with pytest.raises(FetchError) as caught:
        fetched(url, policy, most)
    return caught.value


def test_what_is_there_is_fetched() -> None:
    with served(lambda request: send(request, request.path.encode())) as url:
        assert fetched(f"{url}/a/b?c=d") == b"/a/b?c=d"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://127.0.0.1/x", "https"),
        ("file:///etc/passwd", "https"),
        ("http://user:word@127.0.0.1/x", "user"),
        ("http://other.test/x", "list of hosts"),
        ("http://127.0.0.1:99999/x", "URL"),
        ("http://127.0.0.1/x y", "ASCII"),
        ("http://127.0.0.1/x\r\nHost: evil", "ASCII"),
        ("http://[::1/x", "URL"),
        ("", "https"),
    ],
)
def test_an_url_that_the_policy_does_not_know_is_refused(url: str, why: str) -> None:
    error = refused(url)
    assert error.kind == "refused"
    assert why in error.message


def test_a_private_address_is_refused_whatever_it_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolving(monkeypatch, lambda: ["169.254.169.254"])
    error = refused("https://files.test/x", Policy(hosts=("files.test",)))
    assert (error.kind, "169.254.169.254" in error.message) == ("refused", True)


def test_one_private_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, lambda: ["8.8.8.8", "10.0.0.1"])
    assert refused("https://files.test/x", Policy()).kind == "refused"


def test_a_name_is_resolved_once_and_what_was_checked_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name server that tells the second time something else than the first."""
    with served(lambda request: send(request, b"checked")) as url:
        port = url.rpartition(":")[2]
        answers = iter([["127.0.0.1"], ["127.0.0.2"]])
        asked = resolving(monkeypatch, lambda: next(answers))
        policy = Policy(networks=(ipaddress.ip_network("127.0.0.1/32"),), plain_http=True)
        assert fetched(f"http://files.test:{port}/x", policy) == b"checked"
        assert asked == ["files.test"]


def test_a_redirect_is_held_to_the_policy_too() -> None:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        send(request, b"", 302, Location=f"http://{request.path[1:]}/latest/meta-data")

    with served(answer) as url:
        error = refused(f"{url}/169.254.169.254")
        assert (error.kind, error.message) == (
            "refused",
            "169.254.169.254 is not on the operator's list of hosts",
        )
        anywhere = Policy(networks=HERE.networks, plain_http=True)
        error = refused(f"{url}/169.254.169.254", anywhere)
        assert (error.kind, "not public" in error.message) == ("refused", True)


def test_redirects_end() -> None:
    with served(lambda request: send(request, b"", 302, Location="/again")) as url:
        assert "redirects" in refused(url).message


@pytest.mark.parametrize("told", [True, False])
def test_more_bytes_than_allowed_are_not_read(told: bool) -> None:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        if told:
            send(request, bytes(2000))
        else:
            send(request, bytes(2000), Content_Length="", Connection="close")
            request.close_connection = True

    with served(answer) as url:
        assert refused(url, most=1999).kind == "too_large"
        if told:
            assert len(fetched(url, most=2000)) == 2000


def test_a_body_that_is_cut_off_is_no_file() -> None:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        send(request, bytes(100), Content_Length="200")
        request.close_connection = True

    with served(answer) as url:
        assert refused(url).kind == "unavailable"


@pytest.mark.parametrize("trickles", [True, False])
def test_a_server_that_takes_its_time_is_left(trickles: bool) -> None:
    over = threading.Event()

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000000")
        request.end_headers()
        while trickles and not over.wait(0.01):
            try:
                request.wfile.write(b"x")
            except OSError:
                return
        over.wait(20)

    policy = Policy(hosts=HERE.hosts, networks=HERE.networks, plain_http=True, timeout_s=0.3)
    with served(answer) as url:
        try:
            assert refused(url, policy).kind == "timeout"
        finally:
            over.set()


def test_http_needs_a_network_that_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused("http://files.test/x", Policy()).message.startswith("https")
    resolving(monkeypatch, lambda: ["8.8.8.8"])
    assert refused("http://files.test/x", Policy(plain_http=True)).message.startswith("https")


def resolving(monkeypatch: pytest.MonkeyPatch, answer: Callable[[], list[str]]) -> list[str]:
    """Let names mean what `answer` says; which names were asked for."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if not str(host).endswith(".test"):
            return real(host, port, *args, **options)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in answer()]

    monkeypatch.setattr(module.socket, "getaddrinfo", getaddrinfo)
    return asked

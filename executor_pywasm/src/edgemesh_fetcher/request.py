"""One HTTP request of a program's, held to its operator's word at every step.

Rules: a URL is of a host that was granted, and so is each that it redirects to; a method and the
headers are those that a program may choose. The operator's headers, with their secrets, go in last
and to their own host only; where an answer repeats a secret, stars stand in its place. Bytes of
request and answer are counted, and at its deadline the connection is cut, however slowly it goes.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from edgemesh_fetcher.connect import REDIRECTS, body_of, broken, checked, connect
from edgemesh_fetcher.errors import FetchError
from edgemesh_fetcher.hosts import Host, Hosts
from edgemesh_fetcher.policy import Policy

Headers = Sequence[tuple[str, str]]

_MOST_HEADERS = 64
_MOST_HEADER_BYTES = 16 << 10
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = frozenset(
    (
        *("accept-encoding", "connection", "content-length", "expect", "host", "http2-settings"),
        *("keep-alive", "te", "trailer", "transfer-encoding", "upgrade"),
    )
)
"""Headers that say how a request is sent, which is not the program's to decide."""
_WITHOUT_BODY = (204, 304)
_OF_ONE_HOST = frozenset({"authorization", "cookie"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes
    url: str
    """Where it came from, after redirects."""


def send(
    method: str,
    url: str,
    headers: Headers,
    body: bytes,
    *,
    hosts: Hosts,
    granted: Collection[str],
    policy: Policy,
    seconds: float,
) -> Answer:
    """Send it; the answer, whatever its status. Raises FetchError."""
    _check(headers, body, policy)
    deadline = time.monotonic() + min(seconds, policy.timeout_s)
    for _ in range(policy.redirects + 1):
        host = hosts.find(_parts(url), granted)
        if method not in host.methods:
            allowed = ", ".join(host.methods)
            raise FetchError("refused", f"{host.name} may be asked by {allowed}, not {method[:20]}")
        status, answer = _once(method, url, headers, body, host, policy, deadline)
        target = {k.lower(): v for k, v in answer.headers}.get("location", "")
        if status not in REDIRECTS or not target:
            return answer
        before, url = url, urljoin(url, target)
        if status == 303 or (status in (301, 302) and method == "POST"):
            method, body = "HEAD" if method == "HEAD" else "GET", b""
            headers = [(k, v) for k, v in headers if k.lower() != "content-type"]
        if urlsplit(before)[:2] != urlsplit(url)[:2]:
            headers = [(k, v) for k, v in headers if k.lower() not in _OF_ONE_HOST]
    raise FetchError("refused", f"more than {policy.redirects} redirects")


def _once(
    method: str,
    url: str,
    headers: Headers,
    body: bytes,
    host: Host,
    policy: Policy,
    deadline: float,
) -> tuple[int, Answer]:
    held = host.policy(policy)
    parts = checked(url, held)
    connection = connect(parts, held, deadline)
    cut = threading.Timer(max(deadline - time.monotonic(), 0), _cut, (connection.sock,))
    cut.daemon = True
    cut.start()
    try:
        path = parts.path or "/"
        connection.putrequest(
            method, f"{path}?{parts.query}" if parts.query else path, skip_accept_encoding=True
        )
        for name, value in _headers(headers, body, method, host):
            connection.putheader(name, value.encode("latin-1"))
        connection.endheaders(body or None)
        response = connection.getresponse()
        read = b""
        if method != "HEAD" and response.status not in _WITHOUT_BODY:
            read = b"".join(body_of(response, connection, policy.max_bytes, deadline))
        told = [(_scrubbed(k, host), _scrubbed(v, host)) for k, v in response.getheaders()]
        reason = _scrubbed(response.reason, host)
        return response.status, Answer(response.status, reason, told, _clean(read, host), url)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise broken(parts, error, deadline) from None
    finally:
        cut.cancel()
        connection.close()


def _headers(headers: Headers, body: bytes, method: str, host: Host) -> list[tuple[str, str]]:
    own = {name.lower() for name in host.headers}
    sent = [(name, value) for name, value in headers if name.lower() not in own]
    sent += host.headers.items()
    sent.append(("Accept-Encoding", "identity"))
    if not any(name.lower() == "user-agent" for name, _ in sent):
        sent.append(("User-Agent", "edgemesh"))
    if body or method in ("POST", "PUT", "PATCH"):
        sent.append(("Content-Length", str(len(body))))
    return sent


def _check(headers: Headers, body: bytes, policy: Policy) -> None:
    if len(body) > policy.max_bytes:
        raise FetchError("too_large", f"a body of {len(body)} bytes; at most {policy.max_bytes}")
    if (
        len(headers) > _MOST_HEADERS
        or sum(len(k) + len(v) for k, v in headers) > _MOST_HEADER_BYTES
    ):
        raise FetchError(
            "too_large", f"at most {_MOST_HEADERS} headers of {_MOST_HEADER_BYTES} characters"
        )
    for name, value in headers:
        if not _TOKEN.fullmatch(name):
            raise FetchError("refused", f"{name[:100]!r} is no header's name")
        if name.lower() in _OURS or name.lower().startswith(("proxy-", "sec-")):
            raise FetchError("refused", f"the header {name[:100]} is not a program's to set")
        try:
            text = value.encode("latin-1")
        except UnicodeEncodeError:
            text = b"\n"
        if any((c < 32 and c != 9) or c == 127 for c in text):
            raise FetchError(
                "refused", f"the header {name[:100]} has characters that none can have"
            )


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - it may be none
    except ValueError:
        raise FetchError("refused", "no URL") from None
    return parts


def _cut(sock: socket.socket | None) -> None:
    with contextlib.suppress(OSError):
        if sock is not None:
            sock.shutdown(socket.SHUT_RDWR)


def _clean(data: bytes, host: Host) -> bytes:
    for secret in host.secrets:
        data = data.replace(secret, b"*" * len(secret))
    return data


def _scrubbed(text: str, host: Host) -> str:
    return _clean(text.encode("latin-1", "replace"), host).decode("latin-1")

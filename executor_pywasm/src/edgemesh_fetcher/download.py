"""One HTTP GET, held to the policy at every step.

Rules: a name is resolved once, all its addresses must be allowed, and the connection goes to one of
those, whatever the name means a moment later; TLS is checked against the name. Redirects are
followed by hand, each held to the same. The body is counted while it is read; compressed transfer
is not asked for, so that bytes are bytes.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator
from urllib.parse import SplitResult, urljoin, urlsplit

from edgemesh_fetcher.errors import FetchError
from edgemesh_fetcher.policy import Address, Policy

_CHUNK = 1 << 16
_MOST_URL = 2048
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "edgemesh-fetcher"}


def download(url: str, policy: Policy, max_bytes: int) -> Iterator[bytes]:
    """The body, piece by piece, `max_bytes` at most. Raises FetchError."""
    deadline = time.monotonic() + policy.timeout_s
    most = min(max_bytes, policy.max_bytes)
    for _ in range(policy.redirects + 1):
        parts = _checked(url, policy)
        connection = _connect(parts, policy, deadline)
        try:
            path = parts.path or "/"
            target = f"{path}?{parts.query}" if parts.query else path
            connection.request("GET", target, headers=_HEADERS)
            response = connection.getresponse()
            if response.status in _REDIRECTS:
                url = urljoin(url, response.headers.get("Location", ""))
                continue
            if response.status != 200:
                raise FetchError("unavailable", f"{parts.hostname} answered {response.status}")
            yield from _body(response, connection, most, deadline)
            return
        except (OSError, http.client.HTTPException) as error:
            raise _broken(parts, error, deadline) from None
        finally:
            connection.close()
    raise FetchError("refused", f"more than {policy.redirects} redirects")


def resolved(host: str, port: int, policy: Policy) -> list[Address]:
    """The addresses of a name, every one of them allowed. Raises FetchError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise FetchError("unavailable", f"{host[:253]} has no address") from None
    addresses = [ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found]
    for address in addresses:
        if not policy.address_allowed(address):
            raise FetchError("refused", f"{host[:253]} is at {address}, which is not public")
    return addresses


def _checked(url: str, policy: Policy) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise FetchError("refused", "no URL") from None
    host = parts.hostname
    if len(url) > _MOST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise FetchError("refused", f"an URL of at most {_MOST_URL} printable ASCII characters")
    if parts.scheme not in ("https", "http") or not host:
        raise FetchError("refused", "an https URL with a host")
    if parts.scheme == "http" and not policy.plain_http:
        raise FetchError("refused", f"https, not http, from {host}")
    if parts.username is not None or parts.password is not None:
        raise FetchError("refused", "an URL without a user or password")
    if not policy.host_allowed(host):
        raise FetchError("refused", f"{host} is not on the operator's list of hosts")
    if port is not None and port not in policy.ports and not policy.plain_http:
        raise FetchError("refused", f"port {port} of {host}")
    return parts


def _connect(parts: SplitResult, policy: Policy, deadline: float) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    failed: OSError | None = None
    for address in resolved(host, port, policy):
        if not secure and not policy.named(address):
            raise FetchError("refused", f"https, not http, from {host}")
        try:
            sock = socket.create_connection((str(address), port), timeout=_left(deadline))
            if secure:
                sock = _context().wrap_socket(sock, server_hostname=host)
        except OSError as error:
            failed = error
            continue
        connection = http.client.HTTPConnection(host, port, timeout=_left(deadline))
        if secure and parts.port is None:
            connection.default_port = 443  # so that Host does not name it
        connection.sock = sock
        return connection
    raise _broken(parts, failed or OSError("no address"), deadline)


def _body(
    response: http.client.HTTPResponse,
    connection: http.client.HTTPConnection,
    most: int,
    deadline: float,
) -> Iterator[bytes]:
    told = response.headers.get("Content-Length", "")
    if told.isdecimal() and int(told) > most:
        raise FetchError("too_large", f"{told} bytes, at most {most} are taken")
    count = 0
    while True:
        if connection.sock is not None:
            connection.sock.settimeout(_left(deadline))
        elif _left(deadline) <= 0:
            raise TimeoutError
        piece = response.read1(_CHUNK)
        if not piece:
            break
        count += len(piece)
        if count > most:
            raise FetchError("too_large", f"more than {most} bytes")
        yield piece
    if told.isdecimal() and count != int(told):
        raise FetchError("unavailable", f"{count} bytes of {told} came")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise FetchError("timeout", "it took longer than allowed")
    return left


def _broken(parts: SplitResult, error: Exception, deadline: float) -> FetchError:
    if isinstance(error, TimeoutError) or time.monotonic() >= deadline:
        return FetchError("timeout", f"{parts.hostname} took longer than allowed")
    if isinstance(error, ssl.SSLError):
        return FetchError("unavailable", f"TLS with {parts.hostname}: {error.reason}")
    return FetchError("unavailable", f"{parts.hostname}: {type(error).__name__}")


def _context() -> ssl.SSLContext:
    return ssl.create_default_context()

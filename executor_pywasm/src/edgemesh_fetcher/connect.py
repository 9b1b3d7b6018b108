"""A connection to where a URL says, held to a policy.

Rules: a name is resolved once, all its addresses must be allowed, and the connection goes to one of
those, whatever the name means a moment later; TLS is checked against the name. A body is counted
while it is read.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from edgemesh_fetcher.errors import FetchError
from edgemesh_fetcher.policy import Address, Policy

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK = 1 << 16
_MOST_URL = 2048


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


def checked(url: str, policy: Policy) -> SplitResult:
    """A URL's parts. Raises FetchError for one that the policy forbids."""
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


def connect(parts: SplitResult, policy: Policy, deadline: float) -> http.client.HTTPConnection:
    """Connect to one of its addresses. Raises FetchError."""
    host = parts.hostname or ""
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    failed: OSError | None = None
    for address in resolved(host, port, policy):
        if not secure and not policy.named(address):
            raise FetchError("refused", f"https, not http, from {host}")
        try:
            sock = socket.create_connection((str(address), port), timeout=time_left(deadline))
            if secure:
                sock = _context().wrap_socket(sock, server_hostname=host)
        except OSError as error:
            failed = error
            continue
        connection = http.client.HTTPConnection(host, port, timeout=time_left(deadline))
        if secure and parts.port is None:
            connection.default_port = 443  # so that Host does not name it
        connection.sock = sock
        return connection
    raise broken(parts, failed or OSError("no address"), deadline)


def body_of(
    response: http.client.HTTPResponse,
    connection: http.client.HTTPConnection,
    most: int,
    deadline: float,
) -> Iterator[bytes]:
    """A body by pieces, `most` bytes at most. Raises FetchError, and what http.client does."""
    told = response.headers.get("Content-Length", "")
    if told.isdecimal() and int(told) > most:
        raise FetchError("too_large", f"{told} bytes, at most {most} are taken")
    count = 0
    while True:
        if connection.sock is not None:
            connection.sock.settimeout(time_left(deadline))
        elif time_left(deadline) <= 0:
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


def time_left(deadline: float) -> float:
    """Seconds until then. Raises FetchError when there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise FetchError("timeout", "it took longer than allowed")
    return left


def broken(parts: SplitResult, error: Exception, deadline: float) -> FetchError:
    """What a failed connection is told as."""
    if isinstance(error, TimeoutError) or time.monotonic() >= deadline:
        return FetchError("timeout", f"{parts.hostname} took longer than allowed")
    if isinstance(error, ssl.SSLError):
        return FetchError("unavailable", f"TLS with {parts.hostname}: {error.reason}")
    return FetchError("unavailable", f"{parts.hostname}: {type(error).__name__}")


def _context() -> ssl.SSLContext:
    return ssl.create_default_context()

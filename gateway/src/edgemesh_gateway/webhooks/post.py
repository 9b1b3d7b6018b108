"""One POST, to an address that was looked at.

Rules: a name is resolved here, once, and what is connected to is the address that was judged, so
that a name which stands for another a moment later changes nothing; TLS still asks for the name.
Redirects are answers like any other, and of an answer nothing is read but its head. No proxy.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, cast

import httpcore2

from edgemesh_gateway.webhooks.answer import WHOLE_S, Answer, Failed
from edgemesh_gateway.webhooks.hosts import Address, Target, public

STEP_S = 10.0
_RESOLVING = ThreadPoolExecutor(4, thread_name_prefix="names of webhooks")
"""Names that are not answered for must not hold the threads that others work on."""
MOST_ADDRESSES = 3
"""Of a name, that are tried in turn."""


class Poster:
    """Posts."""

    def __init__(self, trusted: ssl.SSLContext | None = None) -> None:
        """`trusted`: whose certificates are believed; the system's by default."""
        self._trusted = trusted or ssl.create_default_context()

    async def post(self, target: Target, headers: dict[str, str], body: bytes) -> Answer:
        """Send it. Raises Failed."""
        url = httpcore2.URL(
            scheme=target.scheme, host=target.host, port=target.port, target=target.path
        )
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), STEP_S)
        pool = httpcore2.AsyncConnectionPool(
            ssl_context=self._trusted,
            max_keepalive_connections=0,
            network_backend=_Looked(target.internal),
        )
        try:
            async with (
                asyncio.timeout(WHOLE_S),
                pool,
                pool.stream(
                    "POST",
                    url,
                    headers={"host": target.authority, **headers},
                    content=body,
                    extensions={"timeout": timeouts},
                ) as answer,
            ):
                return Answer(answer.status, _retry_after(answer.headers))
        except (TimeoutError, httpcore2.TimeoutException):
            raise Failed(f"it did not answer within {WHOLE_S:.0f} s") from None
        except httpcore2.ProtocolError:
            raise Failed("it did not answer in HTTP") from None
        except (httpcore2.NetworkError, ssl.SSLError, OSError) as error:
            raise Failed(_why(error)) from None


class _Looked(httpcore2.AsyncNetworkBackend):
    """Connects to addresses that may be."""

    def __init__(self, internal: bool) -> None:
        self._internal = internal
        # It has another type where anyio is absent, which it is not here.
        self._below: httpcore2.AsyncNetworkBackend = cast(Any, httpcore2).AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """To the first address that takes it. Raises Failed, ConnectError, ConnectTimeout."""
        addresses = await _resolve(host, port)
        if not self._internal and not all(map(public, addresses)):
            raise Failed("its name stands for an address that is not public")
        last: Exception = httpcore2.ConnectError()
        for address in addresses[:MOST_ADDRESSES]:
            try:
                return await self._below.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                last = error
        raise last


async def _resolve(host: str, port: int) -> list[Address]:
    loop = asyncio.get_running_loop()
    try:
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await loop.run_in_executor(_RESOLVING, ask)
    except (OSError, UnicodeError):
        raise Failed("its name is not known") from None
    # A scope (`%eth0`) is of link-local addresses only.
    return [ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found]


def _retry_after(headers: Iterable[tuple[bytes, bytes]]) -> float | None:
    for name, value in headers:
        if name.lower() == b"retry-after":
            text = value.decode("latin-1").strip()
            return float(text) if text.isdecimal() and len(text) < 10 else None
    return None


def _why(error: BaseException) -> str:
    """An error of the network in a few words that tell nothing of this machine."""
    seen: BaseException | None = error
    for _ in range(8):
        if isinstance(seen, ssl.SSLCertVerificationError):
            return f"its certificate is not believed: {seen.verify_message}"
        if isinstance(seen, ssl.SSLError):
            return "it does not speak TLS as it should"
        if isinstance(seen, ConnectionRefusedError):
            return "it refuses the connection"
        if seen is None:
            break
        seen = seen.__cause__ or seen.__context__
    if isinstance(error, httpcore2.ConnectError):
        return "it cannot be connected to"
    return "the connection broke"

"""A host that webhooks are sent to: a real HTTP server that answers as it is told."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass

from house import PATIENCE_S


@dataclass
class Received:
    """One request."""

    line: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Remembers what came."""

    def __init__(self, *statuses: int, headers: str = "") -> None:
        """`statuses`: of the first answers; those after are 204."""
        self.requests: list[Received] = []
        self.port = 0
        self._statuses = deque(statuses)
        self._headers = headers
        self._came = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def start(self, tls: ssl.SSLContext | None = None, port: int = 0) -> Receiver:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def had(self, count: int) -> list[Received]:
        """Wait for so many requests."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.requests) < count:
                self._came.clear()
                await self._came.wait()
        return self.requests

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
            pairs = (line.partition(": ") for line in head[1:] if line)
            headers = {name.lower(): value for name, _, value in pairs}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
        except (OSError, asyncio.IncompleteReadError):
            writer.close()
            return
        self.requests.append(Received(head[0], headers, body))
        status = self._statuses.popleft() if self._statuses else 204
        writer.write(f"HTTP/1.1 {status} Told\r\n{self._headers}content-length: 0\r\n\r\n".encode())
        writer.close()
        self._came.set()

"""HTTP/2 by hand, for what no library would send."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Sequence

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY, CONTINUATION = 0, 1, 3, 4, 7, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
COMPUTE = "/edgemesh.compute.v1.ComputeService/Compute"
Header = tuple[bytes, bytes]


def frame(kind: int, flags: int, stream: int, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content))[1:] + struct.pack(">BBI", kind, flags, stream) + content


def head(more: Sequence[Header] = (), path: str = COMPUTE) -> bytes:
    """The head of a gRPC call, without compression and without anything indexed."""
    fields = (
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", path.encode()),
        (b":authority", b"mesh"),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
        *more,
    )
    return b"".join(b"\x00" + _text(name) + _text(value) for name, value in fields)


def message(content: bytes, claimed: int | None = None, *, compressed: bool = False) -> bytes:
    length = len(content) if claimed is None else claimed
    return struct.pack(">BI", compressed, length) + content


class Connection:
    """One to a gateway."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._finished = False

    @classmethod
    async def open(cls, address: str, *, greet: bool = True) -> Connection:
        host, _, port = address.rpartition(":")
        made = cls(*await asyncio.open_connection(host, int(port)))
        if greet:
            made.send(PREFACE + frame(SETTINGS, 0, 0))
        return made

    def send(self, content: bytes) -> None:
        if not self._finished:
            self.writer.write(content)

    def finish(self) -> None:
        """Say that nothing more will come."""
        self._finished = True
        self.writer.write_eof()

    def call(self, stream: int, *more: Header) -> None:
        """Begin a call."""
        self.send(frame(HEADERS, END_HEADERS, stream, head(more)))

    async def ended(self, *streams: int) -> dict[int, int]:
        """Read until these streams have ended, or the connection has: kinds of their last frames.

        Their number is that of GOAWAY where the connection ended.
        """
        left, found = set(streams), dict[int, int]()
        try:
            while left:
                start = await self.reader.readexactly(9)
                length = int.from_bytes(start[:3])
                kind, flags, stream = struct.unpack(">BBI", start[3:])
                await self.reader.readexactly(length)
                if kind == SETTINGS and not flags & ACK:
                    self.send(frame(SETTINGS, ACK, 0))
                over = kind == RST_STREAM or (kind in (DATA, HEADERS) and flags & END_STREAM)
                if over and stream in left:
                    left.discard(stream)
                    found[stream] = kind
                if kind == GOAWAY:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        return found | dict.fromkeys(left, GOAWAY)

    def reset(self) -> None:
        """Be gone without a word: a reset, as of a machine that has lost its memory."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def close(self) -> None:
        self.writer.close()


def _text(text: bytes) -> bytes:
    """A literal string of HPACK, not Huffman coded."""
    if len(text) < 127:
        return bytes((len(text),)) + text
    rest, coded = len(text) - 127, bytearray((127,))
    while rest >= 128:
        coded.append(rest % 128 + 128)
        rest //= 128
    coded.append(rest)
    return bytes(coded) + text

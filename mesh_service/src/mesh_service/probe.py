"""`python -m mesh_service.probe HOST:PORT [SERVICE]`: 0 if it says SERVING, 1 with a line if not.

Rules: asks grpc.health.v1's Check once, without TLS, within `TIMEOUT_S`. It runs every few seconds
beside each container, where importing grpcio would cost six times what asking does; so it writes
the one request itself, from the standard library alone, and reads of the answer what it must: a
message, or the stream's end without one.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator

TIMEOUT_S = 2.0
SERVING = 1
STATUSES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _GOAWAY = 0, 1, 3, 4, 7
_END_STREAM, _END_HEADERS, _PADDED = 0x1, 0x4, 0x8
_STREAM = 1
_MOST_FRAME = 1 << 14


class NotServing(Exception):
    """Why it cannot be said to serve."""


def ask(address: str, service: str = "", timeout_s: float = TIMEOUT_S) -> int:
    """The status that the health service at `address` tells of. Raises NotServing."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise NotServing(f"<host>:<port>, not {address!r}")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout_s) as connection:
            connection.sendall(_request(address, service))
            return _status(_frames(connection))
    except OSError as error:
        raise NotServing(f"{address}: {error}") from None


def _request(address: str, service: str) -> bytes:
    name = service.encode()
    message = b"\x0a" + bytes([len(name)]) + name if name else b""
    if len(name) > 100:
        raise NotServing(f"a service's name of at most 100 bytes, not {len(name)}")
    headers = (
        b"\x83\x86"  # :method POST, :scheme http, of HPACK's static table
        + _header(b":path", b"/grpc.health.v1.Health/Check")
        + _header(b":authority", address.encode())
        + _header(b"content-type", b"application/grpc")
        + _header(b"te", b"trailers")
    )
    return (
        _PREFACE
        + _frame(_SETTINGS, 0, 0, b"")
        + _frame(_HEADERS, _END_HEADERS, _STREAM, headers)
        + _frame(_DATA, _END_STREAM, _STREAM, struct.pack(">BI", 0, len(message)) + message)
    )


def _header(name: bytes, value: bytes) -> bytes:
    """A literal that nothing remembers; lengths are below 127."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _frames(connection: socket.socket) -> Iterator[tuple[int, int, int, bytes]]:
    while True:
        head = _exactly(connection, 9)
        size = int.from_bytes(head[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        if size > _MOST_FRAME:
            raise NotServing("what answers does not speak HTTP/2")
        yield kind, flags, stream & 0x7FFFFFFF, _exactly(connection, size)


def _exactly(connection: socket.socket, size: int) -> bytes:
    read = bytearray()
    while len(read) < size:
        part = connection.recv(size - len(read))
        if not part:
            raise NotServing("the connection was closed without an answer")
        read += part
    return bytes(read)


def _status(frames: Iterator[tuple[int, int, int, bytes]]) -> int:
    message = bytearray()
    for kind, flags, stream, payload in frames:
        if kind == _GOAWAY or (kind == _RST_STREAM and stream == _STREAM):
            raise NotServing("the call was refused")
        if stream != _STREAM:
            continue
        if kind == _DATA:
            message += payload[1 : len(payload) - payload[0]] if flags & _PADDED else payload
        size = int.from_bytes(message[1:5], "big") if len(message) >= 5 else None
        if size is not None and len(message) >= 5 + size:
            return _field(bytes(message[5 : 5 + size]))
        if flags & _END_STREAM and kind in (_DATA, _HEADERS):
            raise NotServing("the call failed: no such service, or no health service")
    raise NotServing("the connection was closed without an answer")


def _field(message: bytes) -> int:
    """`status` of a HealthCheckResponse, its only field."""
    if not message:
        return 0
    if len(message) != 2 or message[0] != 0x08:
        raise NotServing("the answer is no HealthCheckResponse")
    return message[1]


def main() -> int:
    """Run the command; the exit status."""
    if not 2 <= len(sys.argv) <= 3:
        print("usage: python -m mesh_service.probe HOST:PORT [SERVICE]", file=sys.stderr)
        return 2
    try:
        status = ask(sys.argv[1], "".join(sys.argv[2:]))
    except NotServing as error:
        print(error, file=sys.stderr)
        return 1
    print(STATUSES.get(status, status))
    return 0 if status == SERVING else 1


if __name__ == "__main__":
    sys.exit(main())

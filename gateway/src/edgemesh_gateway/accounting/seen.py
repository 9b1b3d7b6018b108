"""What an answer tells of itself, read from its first bytes.

Rules: an executor's bytes are untrusted: what does not parse tells nothing. At most HEAD bytes are
looked at, so what stands behind a long traceback is not seen. The native data path reads the same
(`datapath/src/seen.rs`); a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from edgemesh.compute.v1 import compute_pb2
from google.protobuf.message import DecodeError

from mesh_service import wire

HEAD = 4096
MOST_NAME = 320
_VARINT, _I64, _LEN, _I32 = 0, 1, 2, 5
_OUTCOME, _USAGE, _ALGORITHM, _LAST = 2, 4, 6, 7
_RESPONSE = 15
MOST = (1 << 63) - 1
"""What a database's numbers hold."""


class Seen(NamedTuple):
    """It."""

    outcome: int = 0
    algorithm: str = ""
    """What ran, with its version."""
    queue_us: int = 0
    run_us: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


NOTHING = Seen()


def answer(message: bytes) -> Seen:
    """What a ComputeResponse tells."""
    return _response(message[:HEAD])


def event(message: bytes) -> Seen | None:
    """What a ComputeEvent tells, if it is the last one."""
    head = message[:HEAD]
    try:
        for field, kind, value, start in _fields(head):
            if field == _RESPONSE and kind == _LEN:
                return _response(head[start : start + value])
            if field != 1:
                return None
    except (IndexError, ValueError):
        return None
    return None


def _response(head: bytes) -> Seen:
    outcome, algorithm, usage = 0, "", b""
    try:
        for field, kind, value, start in _fields(head):
            if field >= _LAST:
                break
            if field == _OUTCOME and kind == _VARINT:
                outcome = value
            elif kind == _LEN and start + value <= len(head):
                if field == _USAGE:
                    usage = head[start : start + value]
                elif field == _ALGORITHM:
                    algorithm = head[start : start + value][:MOST_NAME].decode("ascii")
    except (IndexError, ValueError):
        pass
    try:
        used = compute_pb2.Usage.FromString(usage)
    except DecodeError:
        used = compute_pb2.Usage()
    return Seen(
        outcome if outcome <= 0x7FFF_FFFF else 0,
        algorithm,
        min(used.queue_us, MOST),
        min(used.run_us, MOST),
        min(used.input_tokens, MOST),
        min(used.output_tokens, MOST),
    )


def _fields(head: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Number, wire type, value or length, and where what has a length begins.

    Raises IndexError where the bytes end within a field's head, ValueError where it is none.
    """
    at, end = 0, len(head)
    while at < end:
        tag, at = wire.varint(head, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = wire.varint(head, at)
            yield tag >> 3, kind, value, at
        elif kind == _LEN:
            length, at = wire.varint(head, at)
            yield tag >> 3, kind, length, at
            at += length
        elif kind in (_I64, _I32):
            at += 8 if kind == _I64 else 4
        else:
            raise ValueError

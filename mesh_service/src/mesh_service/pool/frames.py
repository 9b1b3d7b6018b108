"""The frames between the front and a worker process: bytes in, frames out.

Rules: knows no sockets and no state of calls; whatever bytes come in, it either gives frames
whose kind and length are allowed in that direction, or raises ProtocolError; it never holds more
than one frame beyond what it was fed.

A frame is a header of 16 bytes, little-endian, and a payload::

    u32 payload length | u8 kind | u8 flags | u16 zero | u64 call id (0: none) | payload

``START`` and ``DONE`` carry *parts* (a header and n buffers): a table of three u64 each,
``segment, offset, length``. Segment 0 is the payload itself; the others are shared memory, and
those with the highest bit set are regions, memory of others that the front only passes on. The last
*places* of START are no inputs: they are parts of regions that the call may write to.

Beside the frames: the control socket carries nothing but the u64 ids of cancelled calls, and the
*status page*, a shared page of the worker's own, holds the id of the newest call it has begun.
It says, when a worker has died, which calls may be tried elsewhere, and saves every call a frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from struct import Struct, pack, unpack_from
from typing import NamedTuple

from .errors import ProtocolError
from .spec import Buffer

HEADER = Struct("<IBBHQ")
ALIGNMENT = 16
INLINE_BYTES = 64 << 10
"""Parts of up to this size in all travel in the frame; the rest in shared memory."""
MAX_PARTS = 4096
REGION = 1 << 63
"""The bit of a segment's id that says that it is a region."""
MAX_EVENT = 1 << 20
MAX_MESSAGE = 16 << 20

START_PREFIX = Struct("<dQQQQ")  # run time (s), reply limit, event limit, parts, places among them
DONE_PREFIX = Struct("<QQ")  # CPU time (µs), number of parts
NEED = Struct("<QQ")  # token, bytes
SEGMENT = Struct("<QQQ")  # token, segment id, bytes
TOKEN = Struct("<Q")  # opens CALL and CALL_REPLY
CANCEL = Struct("<Q")  # call id; the only record of the control socket
_ROW = Struct("<QQQ")  # one part: segment, offset, length
_ZEROS = bytes(ALIGNMENT)
STATUS = Struct("Q")  # call id; native, so that it is written at once


class Kind:
    """What a frame says: first those of the front, then those of the worker.

    Plain numbers: in a call's way, members of an ``IntEnum`` would cost microseconds.
    """

    CONFIG = 1  # JSON: target, config, concurrency; first, with the status page's descriptor
    START = 2  # run this call
    SEGMENT = 3  # shared memory: new (with its descriptor), granted, refused, or to be forgotten
    CALL_REPLY = 4  # answers CALL
    STOP = 5  # close the handler and exit

    READY = 16  # the handler is made; its description; first
    EVENT = 17  # something for the caller
    NEED = 18  # the call wants shared memory for its reply
    CALL = 19  # the call asks the front something
    DONE = 20  # the call has ended


NAMES = {number: name for name, number in vars(Kind).items() if isinstance(number, int)}


class Flag:
    """What qualifies a frame."""

    NEW = 1  # SEGMENT: its descriptor comes with the frame
    DROP = 2  # SEGMENT: forget it
    FAILED = 4  # SEGMENT, CALL_REPLY: refused; READY, DONE: the handler raised
    TOO_LARGE = 8  # DONE: the reply exceeds its limit
    UNFIT = 16  # READY: with FAILED, for a reason that another worker would meet too


_PARTS = MAX_PARTS * (24 + ALIGNMENT) + INLINE_BYTES + 64
FROM_FRONT: Mapping[int, int] = {
    Kind.CONFIG: MAX_MESSAGE,
    Kind.START: _PARTS,
    Kind.SEGMENT: SEGMENT.size,
    Kind.CALL_REPLY: TOKEN.size + MAX_MESSAGE,
    Kind.STOP: 0,
}
"""The longest payload of each kind that the front sends."""
FROM_WORKER: Mapping[int, int] = {
    Kind.READY: MAX_MESSAGE,
    Kind.EVENT: MAX_EVENT,
    Kind.NEED: NEED.size,
    Kind.CALL: TOKEN.size + MAX_MESSAGE,
    Kind.DONE: _PARTS,
}
"""The longest payload of each kind that a worker may send."""


class Frame(NamedTuple):
    """One frame; ``payload`` is a bytes object of its own (so 16-byte aligned)."""

    kind: int
    flags: int
    call: int
    payload: bytes


class Part(NamedTuple):
    """Where a part lies; segment 0 is the payload."""

    segment: int
    offset: int
    length: int


def encode(kind: int, call: int = 0, payload: bytes = b"", flags: int = 0) -> bytes:
    """Give the bytes of one frame."""
    return HEADER.pack(len(payload), kind, flags, 0, call) + payload


class Decoder:
    """Cuts a stream of bytes, in chunks of any size, into the frames that ``limits`` allow."""

    def __init__(self, limits: Mapping[int, int]) -> None:
        self._limits = limits
        self._rest = bytearray()
        self._need = HEADER.size

    def feed(self, data: bytes) -> list[Frame]:
        """Give the frames that ``data`` completes. Raises ProtocolError; then it is unusable."""
        if self._rest:
            self._rest += data
            if len(self._rest) < self._need:
                return []
            data = bytes(self._rest)
            self._rest.clear()
        frames: list[Frame] = []
        at, end = 0, len(data)
        self._need = HEADER.size
        while end - at >= HEADER.size:
            length, kind, flags, zero, call = HEADER.unpack_from(data, at)
            limit = self._limits.get(kind)
            if limit is None or zero:
                raise ProtocolError(f"a frame of unknown kind {kind}")
            if length > limit:
                raise ProtocolError(f"a {NAMES[kind]} frame of {length} bytes")
            stop = at + HEADER.size + length
            if stop > end:
                self._need = stop - at
                break
            frames.append(Frame(kind, flags, call, data[at + HEADER.size : stop]))
            at = stop
        if at < end:
            self._rest += data[at:]
        return frames


def aligned(offset: int, alignment: int = ALIGNMENT) -> int:
    """Round ``offset`` up."""
    return (offset + alignment - 1) & -alignment


def pack_parts(prefix: bytes, parts: Sequence[Part | Buffer]) -> bytes:
    """Give a payload: ``prefix``, the table, and the parts that are bytes, each aligned."""
    at = aligned(len(prefix) + 24 * len(parts))
    header = parts[0] if parts else None
    if len(parts) == 1 and isinstance(header, bytes):  # most calls and replies: a header alone
        length = len(header)
        row = _ROW.pack(0, at, length)
        return b"".join(
            (prefix, row, _ZEROS[: at - len(prefix) - 24], header, _ZEROS[: -length % ALIGNMENT])
        )
    table: list[int] = []
    pieces: list[Buffer] = [prefix, b"", bytes(at - len(prefix) - 24 * len(parts))]
    for part in parts:
        if isinstance(part, Part):
            table += part
            continue
        length = len(part)
        table += (0, at, length)
        padding = -length % ALIGNMENT
        pieces.append(part)
        if padding:
            pieces.append(bytes(padding))
        at += length + padding
    pieces[1] = pack(f"<{len(table)}Q", *table)
    return b"".join(pieces)


def unpack_parts(payload: bytes, prefix: int, count: int) -> list[Part]:
    """Read the table behind ``prefix`` bytes; parts in the payload are checked to lie in it."""
    if count == 1 and len(payload) >= prefix + 24:
        part = Part(*_ROW.unpack_from(payload, prefix))
        if not part.segment and part.offset + part.length > len(payload):
            raise ProtocolError("a part outside of its frame")
        return [part]
    if not 1 <= count <= MAX_PARTS or len(payload) < prefix + 24 * count:
        raise ProtocolError(f"{count} parts in {len(payload)} bytes")
    table = unpack_from(f"<{3 * count}Q", payload, prefix)
    parts = [Part(*table[at : at + 3]) for at in range(0, 3 * count, 3)]
    for segment, offset, length in parts:
        if not segment and offset + length > len(payload):
            raise ProtocolError("a part outside of its frame")
    return parts

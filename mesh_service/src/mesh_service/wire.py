"""Takes the tensors' bytes out of a request's wire form, and puts a response's in, without copies.

Rules: a copy of a tensor costs more than all else that a small service does with it, and protobuf
makes two. `detach` gives the message without tensor bytes, and views of them in the buffer that
gRPC delivered; `attach` writes a message around buffers in one join. Both agree with protobuf on
every input (the tests hold them against it); what is unusual on the wire is left to protobuf.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from edgemesh.compute.v1 import compute_pb2
from google.protobuf.message import DecodeError

from mesh_service.errors import InvalidRequest, Violation

Buffer: TypeAlias = bytes | bytearray | memoryview
Blobs: TypeAlias = dict[str, memoryview]

SMALL = 16 * 1024
"""Below this many bytes protobuf's own parser is faster than a scan in Python."""

MOST_FIELDS = 16 * 1024
"""Fields of a request that is read at all; ten times what any valid one has. Without a bound, 16 MB
of tiny fields cost half a minute here and two gigabytes in protobuf."""

MOST_TENSOR_FIELDS = 64
"""Fields of a tensor beside its data that are worth a scan in Python."""

MOST_HEAD = 4096
"""Bytes of a tensor and its name beside its data: a parser makes many times more of them."""

MOST_REST = 1 << 20
"""Bytes of a request beside its parameters and inputs."""

MOST_UNUSUAL = 1 << 20
"""Bytes of a request that no usual encoder wrote, and that is left to protobuf all the same."""

_VARINT, _I64, _LEN, _I32 = 0, 1, 2, 5
_PARAMETERS = 7 << 3 | _LEN
_INPUTS = 15 << 3 | _LEN
_KEY = 1 << 3 | _LEN
_VALUE = 2 << 3 | _LEN
_DATA = 4 << 3 | _LEN
_SHARED = 5 << 3 | _LEN
_RESPONSE_EVENT = 15 << 3 | _LEN


class _Unusual(ValueError):
    """Valid perhaps, but not what encoders write."""


def detach(raw: bytes) -> tuple[compute_pb2.ComputeRequest, Blobs]:
    """A request without its tensors' bytes, and these by name.

    A tensor whose name is missing among the blobs had no `data`: it lies in shared memory, or has
    no storage. Raises InvalidRequest when `raw`
    is not a ComputeRequest, or is made to cost far more than its size.
    """
    if len(raw) >= SMALL:
        _refuse_crowds(raw)
        try:
            return _scan(raw)
        except (_Unusual, IndexError):
            if len(raw) > MOST_UNUSUAL:
                raise _refused("as encoders write it: fields once, a tensor's name first") from None
    try:
        request = compute_pb2.ComputeRequest.FromString(raw)
    except DecodeError:
        raise _refused("must be a ComputeRequest message") from None
    blobs: Blobs = {}
    for name, tensor in request.inputs.items():
        if tensor.WhichOneof("storage") == "data":
            blobs[name] = memoryview(tensor.data)
            tensor.ClearField("data")
    return request, blobs


def attach(response: compute_pb2.ComputeResponse, blobs: Mapping[str, Buffer]) -> bytes:
    """The wire form of `response` with `blobs` as the data of its outputs of the same names.

    `response.outputs` gives dtype and shape; every blob must have an entry there.
    """
    return b"".join(_response_parts(response, blobs))


def attach_event(
    sequence: int, response: compute_pb2.ComputeResponse, blobs: Mapping[str, Buffer]
) -> bytes:
    """The wire form of the last ComputeEvent, which holds the response."""
    parts = list(_response_parts(response, blobs))
    size = sum(memoryview(part).nbytes for part in parts)
    head = b"\x08" + _varint(sequence) + _varint(_RESPONSE_EVENT) + _varint(size)
    return b"".join([head, *parts])


def _response_parts(
    response: compute_pb2.ComputeResponse, blobs: Mapping[str, Buffer]
) -> Iterable[Buffer]:
    tensors = {
        name: tensor.SerializeToString()
        for name, tensor in response.outputs.items()
        if name in blobs
    }
    for name in tensors:
        del response.outputs[name]
    yield response.SerializeToString()
    for name, tensor in tensors.items():
        data = memoryview(blobs[name]).cast("B")
        key = name.encode()
        data_head = _varint(_DATA) + _varint(data.nbytes)
        value = len(tensor) + len(data_head) + data.nbytes
        entry_head = _varint(_KEY) + _varint(len(key)) + key + _varint(_VALUE) + _varint(value)
        size = len(entry_head) + value
        yield b"".join([_varint(_INPUTS), _varint(size), entry_head, tensor, data_head])
        yield data


def _refuse_crowds(raw: bytes) -> None:
    view = memoryview(raw)
    at, end = 0, len(raw)
    for _ in range(MOST_FIELDS):
        if at >= end:
            return
        try:
            tag, at = varint(view, at)
            if tag & 7 not in (3, 4):  # A group's own marks; its fields count as any.
                at = _skip(view, tag, at, end)
        except (_Unusual, IndexError):
            return  # No message at all: the parser refuses it.
    raise _refused(f"at most {MOST_FIELDS} fields")


def _refused(expected: str) -> InvalidRequest:
    return InvalidRequest([Violation("request", expected)])


def _scan(raw: bytes) -> tuple[compute_pb2.ComputeRequest, Blobs]:
    view = memoryview(raw)
    end = len(raw)
    kept: list[Buffer] = []
    blobs: Blobs = {}
    at = rest = 0
    while at < end:
        start = at
        tag, at = varint(view, at)
        if tag != _INPUTS:
            at = _skip(view, tag, at, end)
            kept.append(view[start:at])
            rest += 0 if tag == _PARAMETERS else at - start
            if rest > MOST_REST:
                raise _refused(f"at most {MOST_REST} bytes beside parameters and inputs")
            continue
        at, stop = _bounded(view, at, end)
        name, head, data = _entry(view, at, stop)
        if name in blobs:
            raise _Unusual
        if data is not None:
            blobs[name] = data
        kept.append(b"".join([_varint(_INPUTS), _varint(len(head)), head]))
        at = stop
    try:
        request = compute_pb2.ComputeRequest.FromString(b"".join(kept))
    except DecodeError:
        raise _Unusual from None
    if len(request.inputs) < len(blobs):
        raise _Unusual
    return request, blobs


def _entry(view: memoryview, at: int, end: int) -> tuple[str, bytes, memoryview | None]:
    """Name, the entry without the tensor's data, and the data, of one map entry."""
    tag, at = varint(view, at)
    if tag != _KEY:
        raise _Unusual
    at, stop = _bounded(view, at, end)
    try:
        name = str(view[at:stop], "utf-8")
    except UnicodeDecodeError:
        raise _Unusual from None
    key = bytes(view[at:stop])
    tag, at = varint(view, stop)
    if tag != _VALUE:
        raise _Unusual
    at, stop = _bounded(view, at, end)
    if stop != end:
        raise _Unusual
    kept: list[Buffer] = []
    data: memoryview | None = None
    shared = False
    while at < end:
        start = at
        tag, at = varint(view, at)
        if tag == _DATA:
            at, stop = _bounded(view, at, end)
            if data is not None or shared:
                raise _Unusual
            data, at = view[at:stop], stop
        else:
            if tag == _SHARED and (shared or data is not None):
                raise _Unusual
            shared = shared or tag == _SHARED
            at = _skip(view, tag, at, end)
            kept.append(view[start:at])
            if len(kept) > MOST_TENSOR_FIELDS:
                raise _Unusual
    tensor = b"".join(kept)
    if len(tensor) + len(key) > MOST_HEAD:
        raise _refused(f"at most {MOST_HEAD} bytes of a tensor and its name beside its data")
    parts = (_varint(_KEY), _varint(len(key)), key, _varint(_VALUE), _varint(len(tensor)), tensor)
    return name, b"".join(parts), data


def varint(view: memoryview | bytes, at: int) -> tuple[int, int]:
    """A varint and the place after it.

    Raises IndexError where it is cut off, ValueError where it is longer than 64 bits.
    """
    value = shift = 0
    while True:
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise _Unusual


def _bounded(view: memoryview, at: int, end: int) -> tuple[int, int]:
    """Start and end of a length-delimited field's content."""
    length, at = varint(view, at)
    if length > end - at:
        raise _Unusual
    return at, at + length


def _skip(view: memoryview, tag: int, at: int, end: int) -> int:
    match tag & 7:
        case 0:
            return varint(view, at)[1]
        case 1:
            at += 8
        case 2:
            return _bounded(view, at, end)[1]
        case 5:
            at += 4
        case _:
            raise _Unusual
    if at > end:
        raise _Unusual
    return at


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)

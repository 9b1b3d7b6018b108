"""`detach` and `attach` agree with protobuf on every message, usual or not."""

from __future__ import annotations

import pytest
from edgemesh.compute.v1 import compute_pb2, tensor_pb2
from google.protobuf.message import DecodeError
from hypothesis import example, given
from hypothesis import strategies as st

from mesh_service import wire
from mesh_service.errors import InvalidRequest

tensors = st.builds(
    lambda dtype, shape, data, shared: (
        tensor_pb2.Tensor(dtype=dtype, shape=shape, data=data)
        if not shared
        else tensor_pb2.Tensor(
            dtype=dtype, shape=shape, shared_memory=tensor_pb2.SharedMemory(region="r")
        )
    ),
    st.sampled_from(tensor_pb2.DataType.values()),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4),
    st.binary(max_size=300),
    st.booleans(),
)
requests = st.builds(
    compute_pb2.ComputeRequest,
    request_id=st.text(max_size=20),
    algorithm=st.text(max_size=40),
    priority=st.sampled_from(compute_pb2.Priority.values()),
    parameters=st.text(max_size=100),
    capabilities=st.lists(st.text(max_size=5), max_size=3),
    inputs=st.dictionaries(st.text(max_size=8), tensors, max_size=5),
)


def reference(raw: bytes) -> tuple[compute_pb2.ComputeRequest, dict[str, bytes]]:
    request = compute_pb2.ComputeRequest.FromString(raw)
    blobs: dict[str, bytes] = {}
    for name, tensor in request.inputs.items():
        if tensor.WhichOneof("storage") == "data":
            blobs[name] = tensor.data
            tensor.ClearField("data")
    return request, blobs


def scanned(raw: bytes) -> tuple[compute_pb2.ComputeRequest, dict[str, bytes]]:
    """Through the scanner, however small the message."""
    small, wire.SMALL = wire.SMALL, 0
    try:
        request, blobs = wire.detach(raw)
    finally:
        wire.SMALL = small
    return request, {name: bytes(blob) for name, blob in blobs.items()}


@given(requests)
def test_a_request_is_detached_as_protobuf_reads_it(request: compute_pb2.ComputeRequest) -> None:
    raw = request.SerializeToString()
    assert scanned(raw) == reference(raw)


@given(st.lists(requests, min_size=2, max_size=3))
def test_concatenated_messages_merge_as_protobuf_merges(
    parts: list[compute_pb2.ComputeRequest],
) -> None:
    raw = b"".join(part.SerializeToString() for part in parts)
    assert scanned(raw) == reference(raw)


@given(requests, st.data())
def test_a_torn_message_is_refused_or_read_as_protobuf_reads_it(
    request: compute_pb2.ComputeRequest, data: st.DataObject
) -> None:
    raw = request.SerializeToString()
    torn = raw[: data.draw(st.integers(0, len(raw)))]
    place = st.integers(0, max(len(torn) - 1, 0))
    flips = data.draw(st.lists(st.tuples(place, st.integers(0, 255)), max_size=3))
    damaged = bytearray(torn)
    for at, byte in flips:
        if damaged:
            damaged[at] = byte
    raw = bytes(damaged)
    try:
        expected = reference(raw)
    except DecodeError:
        with pytest.raises(InvalidRequest):
            scanned(raw)
    else:
        assert scanned(raw) == expected


@given(st.binary(max_size=200))
@example(b"\x7a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
@example(b"\x7a\x02\x0a\x00")
def test_garbage_is_refused_or_read_as_protobuf_reads_it(raw: bytes) -> None:
    try:
        expected = reference(raw)
    except DecodeError:
        with pytest.raises(InvalidRequest):
            scanned(raw)
    else:
        assert scanned(raw) == expected


def test_a_large_tensor_is_viewed_where_grpc_put_it() -> None:
    data = bytes(1 << 20)
    request = compute_pb2.ComputeRequest(algorithm="a.b")
    request.inputs["x"].CopyFrom(
        tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_INT8, shape=[1 << 20], data=data)
    )
    raw = request.SerializeToString()
    head, blobs = wire.detach(raw)
    assert blobs["x"].obj is raw
    assert head.inputs["x"].shape == [1 << 20]


outputs = st.dictionaries(st.text(max_size=8), st.binary(max_size=300), max_size=4)


def response_of(blobs: dict[str, bytes]) -> compute_pb2.ComputeResponse:
    response = compute_pb2.ComputeResponse(
        request_id="r", outcome=compute_pb2.OUTCOME_OK, stdout="é"
    )
    for name, blob in blobs.items():
        response.outputs[name].dtype = tensor_pb2.DATA_TYPE_UINT8
        response.outputs[name].shape.append(len(blob))
    return response


@given(outputs, st.integers(0, 2**64 - 1))
def test_a_response_is_attached_as_protobuf_would_write_it(
    blobs: dict[str, bytes], sequence: int
) -> None:
    expected = response_of(blobs)
    for name, blob in blobs.items():
        expected.outputs[name].data = blob
    raw = wire.attach(response_of(blobs), blobs)
    assert compute_pb2.ComputeResponse.FromString(raw) == expected
    event = compute_pb2.ComputeEvent.FromString(
        wire.attach_event(sequence, response_of(blobs), blobs)
    )
    assert event == compute_pb2.ComputeEvent(sequence=sequence, response=expected)


def varint(value: int) -> bytes:
    return bytes([value & 0x7F | 0x80]) + varint(value >> 7) if value > 0x7F else bytes([value])


def nested(*tags: bytes, content: bytes) -> bytes:
    for tag in reversed(tags):
        content = tag + varint(len(content)) + content
    return content


NAME = nested(b"\x0a", content=b"x")


@pytest.mark.parametrize(
    "raw",
    [
        nested(b"\x7a", content=NAME + nested(b"\x12", b"\x12", content=b"\x01" * (8 << 20))),
        nested(b"\x7a", content=NAME + nested(b"\x12", content=b"\x10\x01" * (4 << 20))),
        nested(b"\x7a", content=nested(b"\x12", b"\x12", content=b"\x01" * (8 << 20)) + NAME),
        nested(b"\x2a", content=b"\x08\x01" * (4 << 20)),
        nested(b"\x0a", content=b"i" * (8 << 20)),
    ],
    ids=["packed shape", "unpacked shape", "name last", "limits", "request id"],
)
def test_what_would_cost_far_more_than_its_size_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRequest):
        wire.detach(raw)


@pytest.mark.parametrize("field", [b"\x32\x00", b"\x7a\x02\x0a\x00"], ids=["capability", "input"])
def test_a_crowd_of_tiny_fields_is_refused_unread(field: bytes) -> None:
    with pytest.raises(InvalidRequest, match="at most"):
        wire.detach(field * 4_000_000)

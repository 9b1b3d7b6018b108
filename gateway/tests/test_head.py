"""The data path's reader of heads against Python's own: what it lets through, Python admits, with
the same head; and the usual request it lets through."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import edgemesh_datapath
import pytest
from edgemesh.compute.v1 import compute_pb2, tensor_pb2
from hypothesis import given, settings
from hypothesis import strategies as st
from test_bad_input import ENVELOPES, F32, TENSORS

from edgemesh_gateway.admit import Admission, Counted
from edgemesh_gateway.identity.caller import Caller
from mesh_service import errors
from mesh_service.stack import Rpc


class Context:
    """A call without metadata."""

    def invocation_metadata(self) -> tuple[()]:
        return ()


def admitted(raw: bytes) -> tuple[str, str, int] | None:
    """What Python reads of a request; None: it refuses it, or looks for shared memory."""
    context: Any = Context()
    admission = Admission(1 << 30, Counted(1 << 30))
    with contextlib.suppress(errors.MeshError):
        rpc = Rpc("Compute", context)
        with admission.admit(raw, rpc, Caller("t", "")) as permit:
            return rpc.request_id, permit.algorithm, permit.priority
    return None


def read(raw: bytes, cuts: Sequence[int] = ()) -> tuple[str, str, int] | None:
    pieces: list[bytes] = []
    for cut in cuts:
        pieces.append(raw[: cut % (len(raw) + 1)])
        raw = raw[len(pieces[-1]) :]
    found = edgemesh_datapath.examine([*pieces, raw])
    if found is None:
        return None
    request_id, algorithm, priority = found
    return request_id, algorithm, priority or compute_pb2.PRIORITY_INTERACTIVE


ids = st.from_regex(r"[A-Za-z0-9._-]{0,20}", fullmatch=True)
DTYPES = {1: 1, 5: 8, 6: 1, 10: 2, 12: 4, 15: 16, 16: 1}


@st.composite
def tensors(draw: st.DrawFn) -> tensor_pb2.Tensor:
    dtype = draw(st.sampled_from(sorted(DTYPES)))
    shape = draw(st.lists(st.integers(0, 4), max_size=4))
    size = DTYPES[dtype]
    for length in shape:
        size *= length
    return tensor_pb2.Tensor(
        dtype=tensor_pb2.DataType.ValueType(dtype),
        shape=shape,
        data=draw(st.binary(min_size=size, max_size=size)),
        media_type=draw(st.text(max_size=8)),
    )


requests = st.builds(
    compute_pb2.ComputeRequest,
    request_id=ids,
    algorithm=st.from_regex(r"[a-z]{1,8}\.[a-z]{1,8}(@[0-9.]{1,5})?", fullmatch=True),
    priority=st.integers(0, 3),
    session_id=st.text(max_size=32),
    limits=st.builds(
        compute_pb2.Limits,
        run_time_ms=st.integers(0, (1 << 64) - 1),
        calls=st.integers(0, (1 << 32) - 1),
    ),
    parameters=st.text(max_size=64),
    inputs=st.dictionaries(st.text(max_size=12), tensors(), max_size=4),
)


@settings(max_examples=400, deadline=None)
@given(requests, st.lists(st.integers(0, 1 << 16), max_size=6))
def test_the_usual_request_is_read_as_python_reads_it(
    request: compute_pb2.ComputeRequest, cuts: list[int]
) -> None:
    raw = request.SerializeToString()
    assert read(raw, cuts) == admitted(raw) is not None


@settings(max_examples=1500, deadline=None)
@given(
    requests,
    st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=4),
    st.integers(0, 1 << 16),
    st.lists(st.integers(0, 1 << 16), max_size=6),
    st.binary(max_size=12),
)
def test_what_is_let_through_python_admits(
    request: compute_pb2.ComputeRequest,
    changes: list[tuple[int, int]],
    end: int,
    cuts: list[int],
    tail: bytes,
) -> None:
    raw = bytearray(request.SerializeToString())
    for place, byte in changes:
        raw[place % len(raw)] = byte
    message = bytes(raw[: len(raw) - end % 8] + tail)
    found = read(message, cuts)
    if found is not None:
        assert found == admitted(message)


def test_what_asks_for_a_grant_is_left_to_python() -> None:
    request = compute_pb2.ComputeRequest(algorithm="a.b", capabilities=["call:*"])
    assert read(request.SerializeToString()) is None


@pytest.mark.parametrize("what", TENSORS)
def test_bad_tensors_are_left_to_python(what: str) -> None:
    request = compute_pb2.ComputeRequest(algorithm="a.b", inputs={"x": TENSORS[what][0]})
    assert read(request.SerializeToString()) is None


@pytest.mark.parametrize("what", ENVELOPES)
def test_bad_envelopes_are_left_to_python(what: str) -> None:
    fields: dict[str, Any] = {"algorithm": "a.b", **ENVELOPES[what][0]}
    raw = compute_pb2.ComputeRequest(**fields).SerializeToString()
    found = read(raw)
    # Names that no algorithm has are found in no table.
    assert found is None or "algorithm" in ENVELOPES[what][0]


def test_shared_memory_is_left_to_python() -> None:
    place = tensor_pb2.SharedMemory(region="r", size=8)
    for request in (
        compute_pb2.ComputeRequest(algorithm="a.b", outputs_to={"y": place}),
        compute_pb2.ComputeRequest(
            algorithm="a.b",
            inputs={"x": tensor_pb2.Tensor(dtype=F32, shape=[2], shared_memory=place)},
        ),
    ):
        assert read(request.SerializeToString()) is None

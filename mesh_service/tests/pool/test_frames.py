"""The codec: any bytes give allowed frames or ProtocolError, however they are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh_service.pool.errors import ProtocolError
from mesh_service.pool.frames import (
    ALIGNMENT,
    DONE_PREFIX,
    FROM_FRONT,
    FROM_WORKER,
    HEADER,
    NAMES,
    Decoder,
    Frame,
    Part,
    encode,
    pack_parts,
    unpack_parts,
)

_IDS = st.integers(0, 2**64 - 1)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    kind = draw(st.sampled_from(sorted(FROM_WORKER)))
    payload = draw(st.binary(max_size=min(FROM_WORKER[kind], 200)))
    return Frame(kind, draw(st.integers(0, 255)), draw(_IDS), payload)


@given(st.lists(frames(), max_size=20), st.lists(st.integers(1, 300), max_size=50))
def test_any_cut_of_a_stream_gives_its_frames(sent: list[Frame], cuts: list[int]) -> None:
    stream = b"".join(encode(f.kind, f.call, f.payload, f.flags) for f in sent)
    decoder, received, at = Decoder(FROM_WORKER), list[Frame](), 0
    for cut in [*cuts, len(stream) + 1]:
        received += decoder.feed(stream[at : at + cut])
        at += cut
    assert received == sent


@given(st.lists(st.binary(min_size=1, max_size=100), max_size=30))
def test_garbage_gives_allowed_frames_or_an_error(chunks: list[bytes]) -> None:
    decoder = Decoder(FROM_WORKER)
    try:
        for chunk in chunks:
            for frame in decoder.feed(chunk):
                assert len(frame.payload) <= FROM_WORKER[frame.kind]
    except ProtocolError:
        pass


@pytest.mark.parametrize("kind", sorted(FROM_WORKER))
def test_a_length_over_the_kinds_limit_is_refused_by_its_header_alone(kind: int) -> None:
    limit = FROM_WORKER[kind]
    with pytest.raises(ProtocolError):
        Decoder(FROM_WORKER).feed(HEADER.pack(limit + 1, kind, 0, 0, 1))
    assert Decoder(FROM_WORKER).feed(HEADER.pack(limit, kind, 0, 0, 1))[1:] == []


def test_the_directions_share_no_kind() -> None:
    assert not set(FROM_FRONT) & set(FROM_WORKER)
    assert set(FROM_FRONT) | set(FROM_WORKER) == set(NAMES)


@given(st.lists(st.one_of(st.binary(max_size=100), st.builds(Part, *[_IDS.filter(bool)] * 3))))
def test_parts_come_back_and_lie_aligned(parts: list[bytes | Part]) -> None:
    payload = pack_parts(DONE_PREFIX.pack(1, len(parts)), parts)
    if not parts:
        with pytest.raises(ProtocolError):
            unpack_parts(payload, DONE_PREFIX.size, 0)
        return
    for part, found in zip(parts, unpack_parts(payload, DONE_PREFIX.size, len(parts)), strict=True):
        if isinstance(part, Part):
            assert found == part
        else:
            assert found.segment == 0
            assert found.offset % ALIGNMENT == 0
            assert payload[found.offset : found.offset + found.length] == part


@given(st.binary(max_size=300), st.one_of(st.integers(0, 20), _IDS))
def test_a_table_of_garbage_names_nothing_outside_of_its_frame(payload: bytes, count: int) -> None:
    try:
        parts = unpack_parts(payload, DONE_PREFIX.size, count)
    except ProtocolError:
        return
    assert all(part.segment or part.offset + part.length <= len(payload) for part in parts)

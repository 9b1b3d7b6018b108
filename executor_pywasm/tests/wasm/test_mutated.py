"""Modules and images with bytes that were changed, cut out or added: refused, or run to an end.

What Wasmtime itself makes of a module is Wasmtime's business; ours is that no change of bytes
makes the splitter raise anything but `WasmFormatError`, or give out a module that is none.
"""

from __future__ import annotations

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st

from edgemesh_sandbox.wasm import WasmFormatError, data_pages, split
from edgemesh_sandbox.wasm.leb128 import encode_signed, encode_unsigned
from edgemesh_sandbox.wasm.memory import active_segments, contents
from edgemesh_sandbox.wasm.sections import HEADER, SectionId, section, sections

WHOLE = bytes(
    wasmtime.wat2wasm("""
(module
  (import "host" "step" (func $step (result i32)))
  (memory (export "memory") 2)
  (table 4 funcref)
  (global $stack (mut i32) (i32.const 65536))
  (func $add (export "count") (result i32)
    (i32.store (i32.const 70000) (i32.add (i32.load (i32.const 70000)) (call $step)))
    (i32.load (i32.const 70000)))
  (elem (i32.const 0) $add)
  (data (i32.const 70000) "\\05\\00\\00\\00")
  (data (i32.const 16) "text"))
""")
)
IMAGE = data_pages(bytes(5000) + b"memory" + bytes(131072 - 5006))


@st.composite
def mutations(draw: st.DrawFn, whole: bytes) -> bytes:
    """`whole` with a few bytes changed, cut out, doubled or put in."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        end = min(len(data), at + draw(st.integers(1, 8)))
        change = draw(st.sampled_from(("flip", "cut", "double", "insert", "number")))
        if change == "flip" and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif change == "cut":
            del data[at:end]
        elif change == "double":
            data[at:at] = data[at:end]
        elif change == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=6))
        else:  # a count, size or address that promises more than there is
            data[at:end] = encode_unsigned(draw(st.integers(0, 2**32 - 1)))
    return bytes(data)


@settings(max_examples=600, deadline=None)
@given(mutations(WHOLE))
def test_a_changed_module_is_split_into_modules_or_refused(data: bytes) -> None:
    engine = wasmtime.Engine()
    try:
        parts = split(data)
    except WasmFormatError:
        return
    if _valid(engine, data):  # what was a module must not become none
        assert _valid(engine, parts.code)
        assert _valid(engine, parts.memory)


@settings(max_examples=400, deadline=None)
@given(mutations(IMAGE[:5000]))
def test_a_changed_image_is_read_or_refused(data: bytes) -> None:
    try:
        for part in sections(data):
            if part.id is SectionId.DATA:
                for address, found in active_segments(part.body):
                    assert 0 <= address < 2**32
                    assert len(found) <= len(data)
    except WasmFormatError:
        assert data != IMAGE


@given(st.binary(max_size=40))
def test_segments_of_any_bytes_are_whole_or_refused(body: bytes) -> None:
    try:
        found = list(active_segments(memoryview(body)))
    except WasmFormatError:
        return
    assert sum(len(data) for _, data in found) <= len(body)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "cut off"),
        (b"\x01", "active segments"),
        (b"\x01\x01\x00", "active segments"),
        (b"\x01\x02\x00\x41\x00\x0b\x00", "active segments"),
        (b"\x01\x00\x23\x00\x0b\x00", "active segments"),
        (b"\x01\x00\x41\x00\x6a\x00", "constant"),
        (b"\x01\x00\x41\x00\x0b" + encode_unsigned(2**32 - 1), "past the end"),
        (b"\x00more", "follow"),
        (encode_unsigned(2**32 - 1), "active segments"),
    ],
)
def test_a_data_section_of_another_kind_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(WasmFormatError, match=why):
        list(active_segments(memoryview(body)))


@given(st.integers(0, 2**32 - 1), st.binary(max_size=9))
def test_addresses_are_unsigned_where_the_format_has_them_signed(at: int, data: bytes) -> None:
    signed = at if at < 1 << 31 else at - (1 << 32)
    body = b"\x01\x00\x41" + encode_signed(signed) + b"\x0b" + encode_unsigned(len(data)) + data
    assert [(a, bytes(d)) for a, d in active_segments(memoryview(body))] == [(at, data)]


def test_a_segment_beyond_the_memory_ends_as_a_trap_not_as_a_crash() -> None:
    body = b"\x01\x00\x41" + encode_signed(-1) + b"\x0b\x04" + b"over"
    module = HEADER + section(SectionId.MEMORY, b"\x01\x00\x01") + section(SectionId.DATA, body)
    engine = wasmtime.Engine()
    with pytest.raises((wasmtime.Trap, wasmtime.WasmtimeError)):
        wasmtime.Instance(wasmtime.Store(engine), wasmtime.Module(engine, module), [])


def test_the_image_itself_is_read() -> None:
    assert contents(IMAGE)[5000:5006] == b"memory"


def _valid(engine: wasmtime.Engine, data: bytes) -> bool:
    try:
        wasmtime.Module.validate(engine, bytearray(data))
    except wasmtime.WasmtimeError:
        return False
    return True

from __future__ import annotations

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st

from edgemesh_sandbox.wasm.memory import PAGE, WASM_PAGE, contents, data_pages, page_runs


@st.composite
def memories(draw: st.DrawFn) -> bytes:
    raw = bytearray(WASM_PAGE * draw(st.integers(0, 3)))
    for _ in range(draw(st.integers(0, 6)) if raw else 0):
        at = draw(st.integers(0, len(raw) - 1))
        data = draw(st.binary(min_size=1, max_size=40))[: len(raw) - at]
        raw[at : at + len(data)] = data
    return bytes(raw)


@given(memories())
def test_runs_cover_every_byte_that_is_not_zero(raw: bytes) -> None:
    rest = bytearray(raw)
    behind = -1
    for start, end in page_runs(raw):
        assert behind < start < end <= len(raw)
        assert start % PAGE == 0
        rest[start:end] = bytes(end - start)
        behind = end
    assert not any(rest)


@given(memories())
def test_a_memory_comes_back_from_its_module(raw: bytes) -> None:
    assert contents(data_pages(raw)) == raw


@settings(max_examples=20, deadline=None)
@given(memories())
def test_wasmtime_reads_the_module_alike(raw: bytes) -> None:
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    instance = wasmtime.Instance(store, wasmtime.Module(engine, data_pages(raw)), [])
    memory = instance.exports(store)["memory"]
    assert isinstance(memory, wasmtime.Memory)
    assert bytes(memory.read(store, 0, memory.data_len(store))) == raw


def test_a_torn_page_is_refused() -> None:
    with pytest.raises(ValueError, match="whole pages"):
        data_pages(bytes(100))

from __future__ import annotations

import contextlib
from typing import Any, cast

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st

from edgemesh_sandbox.wasm import WasmFormatError, data_pages, sections, split
from edgemesh_sandbox.wasm.globals import mutable_globals
from edgemesh_sandbox.wasm.sections import HEADER, SectionId, section

COUNTER = """
(module
  (import "host" "step" (func $step (result i32)))
  (memory (export "memory") 2)
  (global $unused (mut i32) (i32.const 7))
  (func (export "count") (result i32)
    (i32.store (i32.const 70000) (i32.add (i32.load (i32.const 70000)) (call $step)))
    (i32.load (i32.const 70000)))
  (data (i32.const 70000) "\\05\\00\\00\\00")
  (data (i32.const 16) "text"))
"""


def module(text: str) -> bytes:
    return bytes(wasmtime.wat2wasm(text))


class Counter:
    """The code of COUNTER over the memory of a module."""

    def __init__(self, engine: wasmtime.Engine, code: bytes, memory: bytes) -> None:
        self.store = wasmtime.Store(engine)
        held = wasmtime.Instance(self.store, wasmtime.Module(engine, memory), [])
        self.memory = cast(wasmtime.Memory, held.exports(self.store)["memory"])
        linker = wasmtime.Linker(engine)
        linker.define(self.store, "env", "memory", self.memory)
        kind = wasmtime.FuncType([], [wasmtime.ValType.i32()])
        linker.define_func("host", "step", kind, lambda: 2)
        instance = linker.instantiate(self.store, wasmtime.Module(engine, code))
        self._count: Any = instance.exports(self.store)["count"]

    def count(self) -> int:
        return self._count(self.store)

    def image(self) -> bytes:
        return data_pages(bytes(self.memory.read(self.store, 0, self.memory.data_len(self.store))))


def test_the_parts_together_do_what_the_whole_did() -> None:
    engine, parts = wasmtime.Engine(), split(module(COUNTER))
    counter = Counter(engine, parts.code, parts.memory)
    assert [counter.count(), counter.count()] == [7, 9]
    assert bytes(counter.memory.read(counter.store, 16, 20)) == b"text"


def test_an_image_of_the_memory_goes_on_where_it_was_taken() -> None:
    engine, parts = wasmtime.Engine(), split(module(COUNTER))
    first = Counter(engine, parts.code, parts.memory)
    first.count()
    image = first.image()
    assert [Counter(engine, parts.code, image).count() for _ in range(2)] == [9, 9]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("(module)", "memory of its own"),
        ('(module (import "a" "b" (memory 1)))', "memory of its own"),
        ("(module (memory 1))", "imports"),
        ("(module (memory 1) (func $f) (start $f))", "start function"),
        (
            '(module (import "a" "b" (func)) (memory 1) (data "passive") (func (data.drop 0)))',
            "passive",
        ),
        (
            '(module (import "a" "b" (func)) (memory 1) (global (mut i32) (i32.const 1))'
            " (global f64 (f64.const 1)) (global (mut i64) (i64.const -99999999999)))",
            "more than one mutable global",
        ),
    ],
)
def test_what_cannot_be_split_is_refused(text: str, why: str) -> None:
    with pytest.raises(WasmFormatError, match=why):
        split(module(text))


@given(st.binary(max_size=60))
def test_bytes_that_are_no_module_are_refused(data: bytes) -> None:
    with pytest.raises(WasmFormatError):
        split(data)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("(global i32 (i32.const -1))", 0),
        ("(global (mut i32) (i32.const 200)) (global funcref (ref.null func))", 1),
        (
            "(global (mut f32) (f32.const 1)) (global (mut f64) (f64.const 2))",
            2,
        ),
    ],
)
def test_mutable_globals_are_counted(text: str, count: int) -> None:
    parts = sections(module(f"(module {text})"))
    counts = [len(mutable_globals(p.body)) for p in parts if p.id is SectionId.GLOBAL]
    assert counts == [count]


@given(st.binary(max_size=60))
def test_globals_of_any_bytes_are_counted_or_refused(data: bytes) -> None:
    with contextlib.suppress(WasmFormatError):
        assert len(mutable_globals(memoryview(data))) <= len(data)


@given(st.binary(max_size=60))
def test_sections_of_any_bytes_are_whole_or_refused(data: bytes) -> None:
    try:
        found = list(sections(HEADER + data))
    except WasmFormatError:
        return
    behind = len(HEADER)
    for part in found:
        assert behind < part.offset
        assert bytes(part.body) == (HEADER + data)[part.offset : part.offset + len(part.body)]
        behind = part.offset + len(part.body)
    assert behind == len(HEADER + data)


@given(st.lists(st.tuples(st.sampled_from(SectionId), st.binary(max_size=300))))
def test_sections_come_back(written: list[tuple[SectionId, bytes]]) -> None:
    data = HEADER + b"".join(section(kind, body) for kind, body in written)
    assert [(p.id, bytes(p.body)) for p in sections(data)] == written


@given(st.integers(0, 200))
def test_a_module_that_is_cut_off_is_refused_or_ends_at_a_section(at: int) -> None:
    whole = module(COUNTER)
    cut = whole[: min(at, len(whole) - 1)]
    try:
        list(sections(cut))
    except WasmFormatError:
        with pytest.raises(WasmFormatError):
            split(cut)

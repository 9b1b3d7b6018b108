"""What is read from a module's bytes agrees with what Wasmtime says of it, or is refused."""

from __future__ import annotations

import contextlib

import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st
from modules_text import module

from edgemesh_sandbox.modules.interface import FUNCTION, Signature, interface_of
from edgemesh_sandbox.wasm import WasmFormatError

_KINDS = st.lists(st.sampled_from(["i32", "i64", "f32", "f64"]), max_size=4)
_FUNCTIONS = st.lists(st.tuples(_KINDS, _KINDS), min_size=1, max_size=5)


def _type(params: list[str], results: list[str]) -> str:
    given = f"(param {' '.join(params)})" if params else ""
    return given + (f"(result {' '.join(results)})" if results else "")


@settings(deadline=None)
@given(_FUNCTIONS, _FUNCTIONS)
def test_signatures_are_those_that_wasmtime_tells(
    imports: list[tuple[list[str], list[str]]], exports: list[tuple[list[str], list[str]]]
) -> None:
    text = [f'(import "m" "i{n}" (func {_type(*kinds)}))' for n, kinds in enumerate(imports)]
    text += [
        f'(func (export "e{n}") {_type(*kinds)} unreachable)' for n, kinds in enumerate(exports)
    ]
    data = module(" ".join(text))
    found = interface_of(data)
    told = wasmtime.Module(wasmtime.Engine(), data)
    assert [(i.module, i.name, i.signature) for i in found.imports] == [
        (i.module, i.name, _signature(i.type)) for i in told.imports
    ]
    assert found.exports == {e.name: _signature(e.type) for e in told.exports}


def _signature(kind: object) -> Signature:
    assert isinstance(kind, wasmtime.FuncType)
    return Signature(tuple(map(str, kind.params)), tuple(map(str, kind.results)))


def test_all_kinds_of_imports_and_types_are_read() -> None:
    data = module(
        """(rec (type $s (sub (struct (field (mut i8)) (field (ref null $s)))))
                (type $a (array (mut v128))))
        (type $f (func (param (ref $a) v128 externref)))
        (import "m" "table" (table 1 2 funcref)) (import "m" "memory" (memory i64 1 2))
        (import "m" "global" (global (mut f64))) (import "m" "tag" (tag (param i32)))
        (import "m" "f" (func (type $f))) (export "g" (func 0)) (export "t" (table 0))"""
    )
    found = interface_of(data)
    assert [each.kind for each in found.imports] == [1, 2, 3, 4, FUNCTION]
    wanted = Signature(("reference", "v128", "reference"), ())
    assert found.imports[-1].signature == wanted
    assert found.exports == {"g": wanted, "t": None}


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(WasmFormatError):
        interface_of(b"\0asm\1\0\0\0" + data)


@settings(deadline=None)
@given(st.data())
def test_a_changed_module_is_read_or_refused(data: st.DataObject) -> None:
    whole = bytearray(
        module('(import "m" "f" (func (param i64))) (func (export "g") (result f32) unreachable)')
    )
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(8, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(WasmFormatError):
        interface_of(bytes(whole))

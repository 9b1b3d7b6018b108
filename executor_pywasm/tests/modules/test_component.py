"""Components: their types, WASI with nothing granted, limits, traps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import wasmtime

from edgemesh_sandbox import InputError, Limits, Outcome, Result
from edgemesh_sandbox.modules import ModuleCall, ModuleRunner

_CORE = """
    (core module $m (memory (export "memory") 1) (global $next (mut i32) (i32.const 1024))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (global.get $next)
            (global.set $next (i32.and (i32.const -8)
                (i32.add (i32.const 7) (i32.add (global.get $next) (local.get 3))))))
        (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
        (func (export "same") (param i32 i32) (result i32)
            (i32.store (i32.const 0) (local.get 0)) (i32.store (i32.const 4) (local.get 1))
            (i32.const 0))
        (func (export "sum") (param f64 f64) (result f64) (f64.add (local.get 0) (local.get 1)))
        (func (export "half") (param i32) (result i32)
            (i32.store8 (i32.const 0) (i32.and (local.get 0) (i32.const 1)))
            (i32.store (i32.const 4) (i32.shr_u (local.get 0) (i32.const 1))) (i32.const 0))
        (func (export "loop") (loop (br 0)))
        (func (export "trap") unreachable)
        (func $r (export "deep") (call $r)))
    (core instance $i (instantiate $m))
    (type $pair (record (field "x" f64) (field "y-y" f64)))
    (export $exported "pair" (type $pair))
    (func (export "add") (param "a" u8) (param "b" s32) (result u32)
        (canon lift (core func $i "add")))
    (func $same (param "text" string) (result string) (canon lift (core func $i "same")
        (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
    (func (export "bytes") (param "data" (list u8)) (result (list u8))
        (canon lift (core func $i "same")
        (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
    (func (export "sum") (param "pair" $exported) (result f64)
        (canon lift (core func $i "sum")))
    (func (export "half") (param "n" u32) (result (result u32 (error u32)))
        (canon lift (core func $i "half") (memory (core memory $i "memory"))))
    (func (export "loop") (canon lift (core func $i "loop")))
    (func (export "trap") (canon lift (core func $i "trap")))
    (func (export "deep") (canon lift (core func $i "deep")))
    (instance $texts (export "same" (func $same)))
    (export "test:texts/texts@1.0.0" (instance $texts))
"""


@pytest.fixture(scope="module")
def runner() -> Iterator[ModuleRunner]:
    with ModuleRunner() as runner:
        yield runner


def call(runner: ModuleRunner, name: str, *args: Any, more: str = "", core: str = _CORE) -> Result:
    data = bytes(wasmtime.wat2wasm(f"(component {more} {core})"))
    return runner.run(data, ModuleCall(name, args), limits=Limits(run_time_ms=3_000))


@pytest.mark.parametrize(
    ("name", "args", "result"),
    [
        ("add", [255, -5], 250),
        ("sum", [{"x": 1, "y-y": 2.5}], 3.5),
        ("bytes", [b"\0\xff"], b"\0\xff"),
        ("test:texts/texts@1.0.0#same", ["häl\0lo"], "häl\0lo"),
        ("half", [7], {"tag": "err", "payload": 3}),
        ("half", [8], {"tag": "ok", "payload": 4}),
    ],
)
def test_values(runner: ModuleRunner, name: str, args: list[Any], result: Any) -> None:
    found = call(runner, name, *args)
    assert (found.outcome, found.result) == (Outcome.OK, result), found.failure


@pytest.mark.parametrize(
    ("name", "args", "field"),
    [
        ("add", [256, 0], r"args\[0\]"),
        ("add", [1], "args"),
        ("add", [True, 0], r"args\[0\]"),
        ("sum", [{"x": 1}], r"args\[0\]"),
        ("sum", [{"x": 1, "y-y": "2"}], r"args\[0\].y-y"),
        ("bytes", [[1, 2]], r"args\[0\]"),
        ("test:texts/texts@1.0.0#same", ["\ud800"], r"args\[0\]"),
        ("same", ["x"], "function"),
    ],
)
def test_what_does_not_fit_is_refused(
    runner: ModuleRunner, name: str, args: list[Any], field: str
) -> None:
    with pytest.raises(InputError, match=f"^{field}: "):
        call(runner, name, *args)


@pytest.mark.parametrize(
    ("name", "outcome", "kind"),
    [
        ("loop", Outcome.TIMEOUT, "TimeLimit"),
        ("trap", Outcome.CRASH, "Trap"),
        ("deep", Outcome.CRASH, "StackOverflow"),
    ],
)
def test_failures(runner: ModuleRunner, name: str, outcome: Outcome, kind: str) -> None:
    found = call(runner, name)
    assert found.failure is not None
    assert (found.outcome, found.failure.type) == (outcome, kind), found.failure
    assert call(runner, "add", 1, 2).result == 3


def test_wasi_is_there_and_other_imports_are_not(runner: ModuleRunner) -> None:
    random = """(import "wasi:random/random@0.2.0" (instance $random
        (export "get-random-u64" (func (result u64)))))
        (core func $low (canon lower (func $random "get-random-u64")))
        (core module $m (import "r" "r" (func $r (result i64)))
            (func (export "draw") (result i64) (call $r)))
        (core instance $i (instantiate $m (with "r" (instance (export "r" (func $low))))))
        (func (export "draw") (result u64) (canon lift (core func $i "draw")))"""
    drawn = {call(runner, "draw", core=random).result for _ in range(3)}
    assert len(drawn) == 3
    with pytest.raises(InputError, match="it imports host:secrets/key; offered: wasi:cli"):
        call(runner, "x", core='(import "host:secrets/key" (func))')


def test_a_large_memory_is_over_its_limit(runner: ModuleRunner) -> None:
    core = """(core module $m (memory 65536)) (core instance (instantiate $m))
        (core module $n (func (export "f"))) (core instance $i (instantiate $n))
        (func (export "f") (canon lift (core func $i "f")))"""
    assert call(runner, "f", core=core).outcome is Outcome.MEMORY_LIMIT


def test_what_is_no_component_is_refused(runner: ModuleRunner) -> None:
    data = bytes(wasmtime.wat2wasm(f"(component {_CORE})"))
    for wrong in (data[:-3], data[:12], data[:40] + b"\xff" + data[41:]):
        with pytest.raises(InputError, match=r"^(module|function): "):
            runner.run(wrong, ModuleCall("add", [1, 2]))

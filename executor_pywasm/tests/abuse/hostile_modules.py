"""Hostile modules of WebAssembly, and what may become of each.

`outcomes`: those that are right; empty where the request is to be refused (INVALID_ARGUMENT), with
`says` among what is wrong with it.
"""
# ruff: noqa: E501 - programs and modules, a line each

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import wasmtime

_LARGE = "(func $f (param i32) (result i32) local.get 0 {body}) "


@dataclass(frozen=True)
class ModuleCase:
    """A module that is up to no good."""

    name: str
    wat: str | bytes
    outcomes: Sequence[str] = ()
    says: str = ""
    parameters: dict[str, Any] = field(default_factory=lambda: {"function": "f"})
    run_time_ms: int = 6_000

    @property
    def data(self) -> bytes:
        """Its bytes."""
        return self.wat if isinstance(self.wat, bytes) else bytes(wasmtime.wat2wasm(self.wat))


def _f(body: str, more: str = "", name: str = "") -> str:
    return f'(module {more} (func {name} (export "f") {body}))'


def _endless(name: str, wat: str) -> ModuleCase:
    return ModuleCase(name, wat, ("TIMEOUT",), "run_time_ms", run_time_ms=400)


def _args(name: str, kinds: str, args: list[Any], says: str) -> ModuleCase:
    return ModuleCase(
        name, _f(f"(param {kinds})"), says=says, parameters={"function": "f", "args": args}
    )


_ADD = _f("(result i32) i32.const 1")
_MEMORY = '(memory (export "memory") 1)'
_WASI = "wasi_snapshot_preview1"
_WRITE = f'(import "{_WASI}" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))'
_POLL = f'(import "{_WASI}" "poll_oneoff" (func $p (param i32 i32 i32 i32) (result i32)))'
_RANDOM = f'(import "{_WASI}" "random_get" (func $r (param i32 i32) (result i32)))'
_whole = bytes(wasmtime.wat2wasm(_ADD))
_V128 = _f("(param v128) (result v128) local.get 0")

CASES = [
    # what is no module
    ModuleCase("no WebAssembly", b"#!/bin/sh\nexit 0\n", says="inputs.module"),
    ModuleCase("nothing but a header's half", _whole[:4], says="inputs.module"),
    *(ModuleCase(f"cut off at {n}", _whole[:n], says="") for n in (9, 15, len(_whole) - 1)),
    ModuleCase("a code that does not validate", _whole[:-3] + b"\x6a\x41\x0b", says="inputs.module"),
    ModuleCase("a version of tomorrow", b"\0asm\x02\0\0\0", says="inputs.module"),
    ModuleCase(
        "a section of four gigabytes", b"\0asm\1\0\0\0\x01\xff\xff\xff\xff\x0f", says="past the end"
    ),
    ModuleCase("a million types", b"\0asm\1\0\0\0\x01\x05\xc0\x84\x3d\x60\0", says="inputs.module"),
    # imports
    ModuleCase("unknown imports", _f("", '(import "os" "system" (func (param i32)))'), says="os.system"),
    ModuleCase("WASI with another type", _f("", f'(import "{_WASI}" "fd_write" (func))'), says="another type"),
    ModuleCase("WASI as a memory", _f("", f'(import "{_WASI}" "fd_write" (memory 1))'), says="as a memory"),
    ModuleCase("vectors to WASI", _f("", f'(import "{_WASI}" "fd_close" (func (param v128) (result i32)))'), says="another type"),
    ModuleCase("a host function nobody asked for", _f("", '(import "env" "log" (func (param i32 i32)))'), says="env.log"),
    ModuleCase("five hundred imports", _f("", "".join(f'(import "a" "b{n}" (func))' for n in range(500))), says="484 more"),
    # what is to be called
    ModuleCase("no such export", _ADD, says="parameters.function", parameters={"function": "g"}),
    ModuleCase("no _start", _ADD, says="parameters.function", parameters={}),
    ModuleCase("an export that is no function", f"(module {_MEMORY})", says="no function", parameters={"function": "memory"}),
    ModuleCase("a reference as argument", _f("(param externref)"), says="reference"),
    _args("no argument", "i32", [], "1 values (i32), not 0"),
    _args("one too many", "i32", [1, 2], "parameters.args"),
    _args("out of range", "i32", [1 << 32], "parameters.args[0]"),
    _args("far out of range", "i64", [10**300], "parameters.args[0]"),
    _args("a text", "i64", ["1"], "parameters.args[0]"),
    _args("a bool", "i32", [True], "parameters.args[0]"),
    _args("half a number", "i32", [0.5], "parameters.args[0]"),
    _args("too large for 32 bits", "f32", [1e300], "parameters.args[0]"),
    _args("too large for any float", "f64", [10**400], "parameters.args[0]"),
    _args("a tag that makes no sense", "f64", [{"$type": "float", "value": "x"}], "parameters.args[0]"),
    _args("a vector of 15 bytes", "v128", [{"$type": "bytes", "value": "QUFB"}], "parameters.args[0]"),
    ModuleCase("a vector out", _V128, ("OK",), parameters={"function": "f", "args": [{"$type": "bytes", "value": "QUFBQUFBQUFBQUFBQUFBQQ=="}]}),
    ModuleCase("NaN out", _f("(result f64 f32) f64.const nan f32.const -inf"), ("OK",)),
    # time
    _endless("an endless loop", _f("(loop br 0)")),
    _endless("an endless start function", _f("", "(start $s) (func $s (loop br 0))")),
    _endless("calls without end, not deep", _f("(loop (call $g) br 0)", "(func $g)")),
    _endless("a sleep of a century", f'(module {_POLL} {_MEMORY} (data (i32.const 24) "\\ff\\ff\\ff\\ff\\ff\\ff\\ff\\00") (func (export "f") (drop (call $p (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))'),
    _endless("four gigabytes of random bytes", f'(module {_RANDOM} (memory (export "memory") 1000) (func (export "f") (loop (drop (call $r (i32.const 0) (i32.const 65000000))) br 0)))'),
    _endless("a memory filled again and again", '(module (memory 1000) (func (export "f") (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 65000000)) br 0)))'),
    # memory
    ModuleCase("4 GB at least", _f("", "(memory 65536)"), ("MEMORY_LIMIT",), "memory_bytes"),
    ModuleCase("it grows until it may not", _f("(loop (br_if 0 (i32.ge_s (memory.grow (i32.const 100)) (i32.const 0)))) unreachable", _MEMORY), ("MEMORY_LIMIT",), "memory_bytes"),
    ModuleCase("a huge table", _f("", "(table 100000000 funcref)"), ("MEMORY_LIMIT",), "table"),
    ModuleCase("a table that grows without end", _f("(result i32) (table.grow $t (ref.null func) (i32.const 2000000000))", "(table $t 1 funcref)"), ("OK",)),
    ModuleCase("recursion", _f("(call $f)", name="$f"), ("CRASH",), "StackOverflow"),
    ModuleCase("locals by the thousand, recursively", _f("(local " + "i64 " * 5000 + ") (call $f)", name="$f"), ("CRASH",), "StackOverflow"),
    # traps, by name
    ModuleCase("unreachable", _f("unreachable", name="$deep"), ("CRASH",), "deep"),
    ModuleCase("division by zero", _f("(drop (i32.div_s (i32.const 1) (i32.const 0)))"), ("CRASH",), "IntegerDivisionByZero"),
    ModuleCase("a division that overflows", _f("(drop (i32.div_s (i32.const -2147483648) (i32.const -1)))"), ("CRASH",), "IntegerOverflow"),
    ModuleCase("NaN to an integer", _f("(drop (i32.trunc_f32_s (f32.const nan)))"), ("CRASH",), "BadConversion"),
    ModuleCase("outside of its memory", _f("(drop (i32.load (i32.const -4)))", "(memory 1)"), ("CRASH",), "MemoryOutOfBounds"),
    ModuleCase("outside of its table", _f("(call_indirect (i32.const 9))", "(table 1 funcref)"), ("CRASH",), "TableOutOfBounds"),
    ModuleCase("a call of nothing", _f("(call_indirect (i32.const 0))", "(table 1 funcref)"), ("CRASH",), "IndirectCallToNull"),
    ModuleCase("a call with another type", _f("(call_indirect (param i32) (i32.const 1) (i32.const 0))", "(table 1 funcref) (elem (i32.const 0) $g) (func $g)"), ("CRASH",), "BadSignature"),
    ModuleCase("data that does not fit", _f("", '(memory 1) (data (i32.const 65536) "x")'), ("CRASH",)),
    # output, host functions
    ModuleCase("output without end", f'(module {_WRITE} (memory (export "memory") 1) (data (i32.const 0) "\\10\\00\\00\\00\\00\\40\\00\\00") (func (export "f") (loop (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) br 0)))', ("OUTPUT_LIMIT",), "output_bytes"),
    ModuleCase("output from outside", f'(module {_WRITE} (memory (export "memory") 1) (data (i32.const 0) "\\f0\\ff\\ff\\ff\\00\\01\\00\\00") (func (export "f") (result i32) (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))', ("OK",)),
    ModuleCase("WASI before there is a memory", f'(module {_WRITE} (func (export "f") (result i32) (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))', ("OK",)),
    ModuleCase("WASI from the start function", f'(module {_WRITE} {_MEMORY} (start $s) (func $s (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))) (func (export "f")))', ("OK",)),
    ModuleCase("env.alloc of four gigabytes", f'(module (import "env" "alloc" (func $a (param i32) (result i32))) {_MEMORY} (func (export "f") (result i32) (call $a (i32.const -1))))', ("OK",), parameters={"function": "f", "host_functions": ["env.alloc"]}),
    ModuleCase("env.log from outside", f'(module (import "env" "log" (func $l (param i32 i32))) {_MEMORY} (func (export "f") (call $l (i32.const -1) (i32.const -1))))', ("OK",), parameters={"function": "f", "host_functions": ["env.log"]}),
    ModuleCase("env.abort from outside", f'(module (import "env" "abort" (func $a (param i32 i32 i32 i32))) {_MEMORY} (func (export "f") (call $a (i32.const -1) (i32.const 3) (i32.const 0) (i32.const 0))))', ("EXCEPTION",), "Abort", parameters={"function": "f", "host_functions": ["env.abort"]}),
    # proposals that are off
    ModuleCase("threads", _f("", "(memory 1 1 shared)"), says="inputs.module"),
    ModuleCase("64-bit memory", _f("", "(memory i64 1)"), says="inputs.module"),
    ModuleCase("exceptions", _f("(throw $e)", "(tag $e)"), says="inputs.module"),
    ModuleCase("structs", _f("", "(type $s (struct (field i32)))"), says="inputs.module"),
    ModuleCase("two memories", _f("", "(memory 1) (memory 1)"), says="inputs.module"),
    # compiling
    ModuleCase("a function of two megabytes", _f("(result i32) i32.const 1 " + "i32.const 3 i32.mul " * 500_000), ("OK", "TIMEOUT", "MEMORY_LIMIT"), run_time_ms=2_000),
    ModuleCase("a hundred thousand functions", f"(module {'(func)' * 100_000} (func (export \"f\")))", ("OK", "TIMEOUT", "MEMORY_LIMIT"), run_time_ms=2_000),
    ModuleCase("blocks nested deeply", _f("(block " * 5_000 + ")" * 5_000), ("OK",)),
    # components
    ModuleCase("a component that draws random numbers", """(component
        (import "wasi:random/random@0.2.0" (instance $random (export "get-random-u64" (func (result u64)))))
        (core func $low (canon lower (func $random "get-random-u64")))
        (core module $m (import "r" "r" (func $r (result i64))) (func (export "f") (result i64) (call $r)))
        (core instance $i (instantiate $m (with "r" (instance (export "r" (func $low))))))
        (func (export "f") (result u64) (canon lift (core func $i "f"))))""", ("OK",)),
    ModuleCase("a component that wants the host's secrets", '(component (import "host:secrets/key" (func)))', says="host:secrets/key"),
    _endless("an endless component", '(component (core module $m (func (export "f") (loop (br 0)))) (core instance $i (instantiate $m)) (func (export "f") (canon lift (core func $i "f"))))'),
    ModuleCase("a component of a core module cut short", b"\0asm\x0d\0\x01\0\x01\x09\0asm\x01\0\0\0\x01", says="inputs.module"),
]  # fmt: skip

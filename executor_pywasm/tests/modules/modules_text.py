"""Small modules as text, compiled where a test needs them."""

from __future__ import annotations

import functools

import wasmtime


@functools.cache
def module(text: str) -> bytes:
    """The module's bytes."""
    return bytes(wasmtime.wat2wasm(f"(module {text})"))


ADD = '(func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)'
WASI = "wasi_snapshot_preview1"

"""Modules compiled for this process, the last used ones kept.

Rules: keyed by the tenant too: what one has sent tells another nothing, not even by how fast it
answers. Compiled code is made in this process from bytes that Wasmtime has validated, and lies in
its memory only; no artefact is ever read from outside. Compiling cannot be interrupted, so whoever
must bound its time and memory runs it in a process that can be ended.
"""

from __future__ import annotations

import ctypes
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import wasmtime
from wasmtime import _ffi as ffi

from edgemesh_sandbox import wasi
from edgemesh_sandbox.errors import InputError
from edgemesh_sandbox.modules.component import Component
from edgemesh_sandbox.modules.imports import FUNCTIONS
from edgemesh_sandbox.modules.interface import Interface, interface_of
from edgemesh_sandbox.wasi.nodes import Buffer
from edgemesh_sandbox.wasm import WasmFormatError

_COMPONENT = b"\0asm\x0d\0\x01\0"
_MODULE = b"\0asm\x01\0\0\0"
_MOST_REASON = 400


class Compiled:
    """A module, ready to be instantiated in any store of its engine."""

    instances = 1
    base_bytes = 0

    def __init__(self, engine: wasmtime.Engine, data: bytes, interface: Interface) -> None:
        """Raises `InputError` for bytes that are no valid module."""
        self.engine = engine
        self.interface = interface
        try:
            self.module = wasmtime.Module(engine, data)
        except wasmtime.WasmtimeError as error:
            raise InputError("module", f"a valid WebAssembly module; {_reason(error)}") from None
        self._linker: wasmtime.Linker | None = None
        self._kept: object = None
        self.nbytes = len(data) + _code_bytes(self.module)
        """About what it takes of memory."""

    def instantiate(self, store: wasmtime.Store) -> Mapping[str, Any]:
        """The exports of a new instance; its imports must have been checked."""
        if self._linker is None:
            self._linker = wasmtime.Linker(self.engine)
            self._linker.allow_shadowing = True  # some import the same function twice
            self._kept = wasi.define(self._linker, self.module, FUNCTIONS)
        exports = self._linker.instantiate(store, self.module).exports(store)
        return cast(Mapping[str, Any], exports)


Kept = TypeVar("Kept", Compiled, Component)


class Cache:
    """Compiled modules by tenant and SHA-256, bounded by their bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._held: OrderedDict[tuple[str, str], Compiled | Component] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def find(self, tenant: str, digest: str) -> Compiled | Component | None:
        """One that was compiled before."""
        with self._lock:
            found = self._held.get((tenant, digest))
            if found is not None:
                self._held.move_to_end((tenant, digest))
            return found

    def keep(self, tenant: str, digest: str, compiled: Kept) -> Kept:
        """Keep it, in the place of what was used least recently."""
        with self._lock:
            before = self._held.pop((tenant, digest), None)
            self._bytes += compiled.nbytes - (before.nbytes if before else 0)
            self._held[tenant, digest] = compiled
            while self._bytes > self._most and self._held:
                _, oldest = self._held.popitem(last=False)
                self._bytes -= oldest.nbytes
        return compiled

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._held.clear()
            self._bytes = 0


def digest_of(data: Buffer) -> str:
    """The hexadecimal SHA-256."""
    return hashlib.sha256(data).hexdigest()


def read_interface(data: bytes) -> Interface:
    """What a module imports and exports. Raises `InputError` for bytes that are none."""
    try:
        return interface_of(data)
    except WasmFormatError as error:
        raise InputError("module", f"a valid WebAssembly module; {error}") from None


def is_component(data: Buffer) -> bool:
    """Whether the bytes say that they are a component; raises `InputError` for neither."""
    head = bytes(memoryview(data)[:8])
    if head == _COMPONENT:
        return True
    if head != _MODULE:
        what = "it is empty" if not head else f"it starts with {head.hex()}"
        raise InputError("module", f"a WebAssembly module (0061736d01000000) or component; {what}")
    return False


def _reason(error: Exception) -> str:
    """What Wasmtime says is wrong, without its chain of causes."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next((line for line in reversed(lines) if "at offset" in line), lines[0])
    return told.removeprefix("0: ").removeprefix("1: ")[:_MOST_REASON]


def _code_bytes(module: wasmtime.Module) -> int:
    start, end = ctypes.c_void_p(), ctypes.c_void_p()
    cast(Any, ffi).wasmtime_module_image_range(module.ptr(), ctypes.byref(start), ctypes.byref(end))
    return (end.value or 0) - (start.value or 0)

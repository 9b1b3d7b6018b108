"""A guest's exported function, called without conversions.

Rules: wasmtime's own `Func` asks for the function's type and builds a value object for every
argument, each time: a tenth of a millisecond, which is a third of a whole run. Here the types are
known: 32-bit integers in, at most one out.
"""

from __future__ import annotations

import ctypes
from typing import Any, cast

import wasmtime
from wasmtime import _bindings as bindings  # the unchecked call is not in the public API

_Arguments = bindings.wasmtime_val_raw_t * 4


class Function:
    """An export of an instance; belongs to the store and is unusable once that is closed."""

    __slots__ = ("_context", "_function", "_slots")

    def __init__(self, store: wasmtime.Store, function: wasmtime.Func) -> None:
        inside = cast(Any, function)
        self._context: Any = cast(Any, store)._context()
        self._function: Any = ctypes.byref(inside._func)
        self._slots: Any = _Arguments()

    def __call__(self, *arguments: int) -> int:
        """Call it; raises `wasmtime.Trap`, `wasmtime.ExitTrap` and `wasmtime.WasmtimeError`."""
        slots = self._slots
        for at, argument in enumerate(arguments):
            slots[at].i32 = argument
        trap = ctypes.POINTER(bindings.wasm_trap_t)()
        error: Any = cast(Any, bindings).wasmtime_func_call_unchecked(
            self._context, self._function, slots, len(slots), ctypes.byref(trap)
        )
        if error:
            raise cast(Any, wasmtime.WasmtimeError)._from_ptr(error)
        if trap:
            raise cast(Any, wasmtime.Trap)._from_ptr(trap)
        return slots[0].i32 & 0xFFFF_FFFF

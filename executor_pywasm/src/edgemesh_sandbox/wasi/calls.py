"""How a guest's calls reach functions of the host's.

Rules: a host function runs on the run's own thread, about the run that `enter` named there. It
takes unsigned numbers and answers with one, or raises `WasiError` or `OutOfBounds`, which become
error numbers here, or `ProgramExit`. Nothing is ever raised into Wasmtime: its Python keeps a
raised exception where all stores find it, so calls are bound to its C interface here, past that.
A run that is to stop (`Watch`) is trapped as soon as the call is done.
"""

from __future__ import annotations

import ctypes
import struct
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

import wasmtime
from wasmtime import _ffi as ffi

from edgemesh_sandbox.memory import GuestMemory, OutOfBounds
from edgemesh_sandbox.output import Output
from edgemesh_sandbox.wasi.errors import Errno, ProgramExit, WasiError
from edgemesh_sandbox.wasi.world import World
from edgemesh_sandbox.watch import Watch

HostFunction = Callable[..., int]
Functions = Mapping[tuple[str, str], HostFunction]


class Running(Protocol):
    """What host functions know of a run."""

    memory: GuestMemory
    watch: Watch
    output: Output
    world: World


_CURRENT = threading.local()


def enter(run: Running | None) -> None:
    """Say which run this thread's guest calls are about."""
    _CURRENT.run = run


# What `wasmtime_func_unchecked_callback_t` is, with addresses as plain numbers.
_Callback = ctypes.CFUNCTYPE(
    ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t
)
_VALUE_BYTES = ctypes.sizeof(ffi.wasmtime_val_raw_t)
_LAYOUTS = {
    "i32": f"I{_VALUE_BYTES - 4}x",
    "i64": f"Q{_VALUE_BYTES - 8}x",
    "f32": f"f{_VALUE_BYTES - 4}x",
    "f64": f"d{_VALUE_BYTES - 8}x",
}
_ENDED = b"the run has ended"
_NO_FINALIZER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)()


def define(linker: wasmtime.Linker, module: wasmtime.Module, functions: Functions) -> object:
    """Define all functions that `module` imports; keep what is returned as long as `linker`.

    Raises `KeyError` for one that is not among `functions`.
    """
    kept: list[object] = []
    for wanted in module.imports:
        if not isinstance(wanted.type, wasmtime.FuncType):
            continue
        place = (wanted.module, wanted.name or "")
        parameters = "".join(_LAYOUTS[str(kind)] for kind in wanted.type.params)
        callback = _Callback(_bound(functions[place], struct.Struct(f"<{parameters}")))
        error = _define(linker, place, wanted.type, callback)
        if error:
            raise wasmtime.WasmtimeError._from_ptr(error)  # pyright: ignore[reportPrivateUsage]
        kept.append(callback)
    return kept


def _define(
    linker: wasmtime.Linker, place: tuple[str, str], kind: wasmtime.FuncType, callback: Any
) -> Any:
    module, name = place[0].encode(), place[1].encode()
    function = ctypes.cast(callback, ffi.wasmtime_func_unchecked_callback_t)
    return cast(Any, ffi).wasmtime_linker_define_func_unchecked(
        linker.ptr(),
        ctypes.create_string_buffer(module),
        len(module),
        ctypes.create_string_buffer(name),
        len(name),
        kind.ptr(),
        function,
        None,
        _NO_FINALIZER,
    )


def _bound(function: HostFunction, layout: struct.Struct) -> Callable[..., int]:
    """`function` as Wasmtime calls it: arguments and result in one array; a trap or 0 back."""
    arguments = ctypes.c_char * layout.size
    result = ctypes.c_uint32.from_address
    unpack = layout.unpack_from

    def call(_environment: int, _caller: int, values: int, _count: int) -> int:
        run: Running | None = None
        try:
            run = cast("Running", _CURRENT.run)
            try:
                given = unpack(arguments.from_address(values)) if layout.size else ()
                errno = function(run, *given)
            except WasiError as error:
                errno = error.errno
            except OutOfBounds:
                errno = Errno.FAULT
            if run.watch.stopped is None:
                result(values).value = errno
                return 0
        except ProgramExit as error:
            if run is not None:
                run.world.exit_status = error.status
        except BaseException as error:  # see the rules above
            if run is not None:
                run.watch.fail(error)
        return _trap()

    return call


def _trap() -> int:
    """A trap, which Wasmtime takes over."""
    trap: Any = cast(Any, ffi).wasmtime_trap_new(ctypes.create_string_buffer(_ENDED), len(_ENDED))
    return ctypes.cast(trap, ctypes.c_void_p).value or 0

"""Which proposals of WebAssembly a module may use, and the engine for them.

Rules: what is standardised and costs nothing is on (SIMD, multiple values, bulk memory, reference
types, tail calls); what widens what a stranger's code can reach or how long it can block is off
until an operator asks for it. An engine of its own: what Python's needs is not given to modules.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import wasmtime
from wasmtime import _ffi as ffi  # the stack of fibers has no setter in the public API

from edgemesh_sandbox.engine import NATIVE_STACK_BYTES, STACK_BYTES


@dataclass(frozen=True, slots=True)
class Features:
    """The proposals that are off unless they are named."""

    threads: bool = False
    """Atomics and shared memories. No thread can be started; but a module can then wait for a
    notice that never comes, which only the end of its process ends."""
    gc: bool = False
    """Structs, arrays and typed function references."""
    exceptions: bool = False
    """Exceptions: throw, try_table."""
    memory64: bool = False
    """Memories with 64-bit addresses; each access is checked, which takes time."""
    relaxed_simd: bool = False
    """SIMD whose results may differ between processors."""

    @classmethod
    def of(cls, names: Iterable[str]) -> Features:
        """Those of these names. Raises `ValueError` for one that there is not."""
        known = {field.name for field in fields(cls)}
        wanted = set(names)
        if wanted - known:
            listed = ", ".join(sorted(wanted - known))
            raise ValueError(f"no such features: {listed}; there are {', '.join(sorted(known))}")
        return cls(**dict.fromkeys(wanted, True))


def new_module_engine(
    features: Features, *, metered: bool = False, stack_bytes: int = STACK_BYTES
) -> wasmtime.Engine:
    """An engine for modules that compiles on the thread that asks, and starts none."""
    config = wasmtime.Config()
    config.epoch_interruption = True
    config.parallel_compilation = False
    config.memory_init_cow = False  # it seals a file in memory, which a confined process may not
    config.wasm_component_model = True
    config.wasm_multi_memory = False
    config.wasm_threads = config.shared_memory = features.threads
    config.gc_support = features.gc or features.exceptions
    config.wasm_gc = config.wasm_function_references = features.gc
    config.wasm_exceptions = features.exceptions
    config.wasm_memory64 = features.memory64
    config.wasm_relaxed_simd = features.relaxed_simd
    ffi.wasmtime_config_async_stack_size_set(config.ptr(), NATIVE_STACK_BYTES)  # type: ignore[no-untyped-call]
    config.max_wasm_stack = stack_bytes
    if metered:
        config.consume_fuel = True
        config.cranelift_nan_canonicalization = True
    return wasmtime.Engine(config)

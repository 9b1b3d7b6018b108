"""How Wasmtime is set up: one configuration, and a fingerprint of what it compiles for.

Rules: everything that decides whether a compiled module fits (Wasmtime's version, this
configuration, the processor's features) is in the fingerprint, which keys every artefact.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import wasmtime
from wasmtime import _ffi as ffi  # the stack of fibers has no setter in the public API

from edgemesh_sandbox.errors import ArtifactError
from edgemesh_sandbox.processor import NATIVE, aim
from edgemesh_sandbox.wasm.sections import HEADER

STACK_BYTES = 32 << 20
"""The guest's own stack on the native one, for nested calls; beyond it a call is trapped."""

MOST_STACK_BYTES = 64 << 20
"""The most of it that an engine can be made with."""

NATIVE_STACK_BYTES = MOST_STACK_BYTES + (8 << 20)
"""What the thread that runs a guest must have: the guest's stack and room for the host."""


def new_engine(
    *,
    threads: bool = True,
    metered: bool = False,
    stack_bytes: int = STACK_BYTES,
    processor: str = NATIVE,
) -> wasmtime.Engine:
    """An engine that can compile and run Python: exceptions on, interruptible at any loop.

    Without `threads` it compiles on the thread that asks, and starts none. `metered`: it counts
    fuel, and gives every NaN the same bits on every processor; both cost more than all runs should
    pay (NumPy's loops over floats take twice as long). `processor`: what it compiles for.
    """
    config = wasmtime.Config()
    config.wasm_exceptions = True
    config.epoch_interruption = True
    config.parallel_compilation = threads
    ffi.wasmtime_config_async_stack_size_set(config.ptr(), NATIVE_STACK_BYTES)  # type: ignore[no-untyped-call]
    config.max_wasm_stack = stack_bytes
    if metered:
        config.consume_fuel = True
        config.cranelift_nan_canonicalization = True
    aim(config, processor)
    return wasmtime.Engine(config)


def fingerprint(engine: wasmtime.Engine) -> str:
    """A digest of what `engine` compiles for.

    An empty module's artefact carries the very header by which Wasmtime accepts or refuses
    artefacts: its version, the target with the processor's features, and all settings.
    """
    return hashlib.sha256(wasmtime.Module(engine, HEADER).serialize()).hexdigest()


def load(engine: wasmtime.Engine, path: Path) -> wasmtime.Module:
    """Map a compiled module; raises `ArtifactError` where Wasmtime refuses it.

    The file must come from a checked artefact: it is native code.
    """
    try:
        return wasmtime.Module.deserialize_file(engine, str(path))
    except wasmtime.WasmtimeError as error:
        raise ArtifactError(path, str(error).splitlines()[0]) from error

"""Names what became of a module's run.

Rules: as for Python: what stopped a run from outside outranks what it did itself, and a module
that died beside its memory limit died of it. A trap is named by its kind, with the names of the
functions that were running, which are the module's own words and bounded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import wasmtime

from edgemesh_sandbox.answer import Allocate
from edgemesh_sandbox.guest.layout import STDERR, STDOUT
from edgemesh_sandbox.limits import MIB, Limits
from edgemesh_sandbox.modules.run import ModuleRun
from edgemesh_sandbox.result import Failure, Outcome, Result
from edgemesh_sandbox.verdict import left, new_memory, over, with_files

_BESIDE_LIMIT = 8 * MIB
_MOST_FRAMES = 32
_TRAP = "wasm trap: "
_NO_HEAP = "GC heap out of memory"
_THROWN = "thrown Wasm exception"
_MOST_NAME = 200
_NOWHERE = (1 << 32) - 1
_MESSAGES = {
    "MEMORY_OUT_OF_BOUNDS": "an access outside of its memory",
    "TABLE_OUT_OF_BOUNDS": "an access outside of a table",
    "INDIRECT_CALL_TO_NULL": "a call of an empty element of a table",
    "BAD_SIGNATURE": "an indirect call of a function of another type",
    "INTEGER_OVERFLOW": "an integer division whose result does not fit",
    "INTEGER_DIVISION_BY_ZERO": "an integer division by zero",
    "BAD_CONVERSION_TO_INTEGER": "a conversion of a number that is no integer of that size",
    "UNREACHABLE": "it ran into `unreachable`: a panic, an abort or a failed assertion",
    "HEAP_MISALIGNED": "an atomic access at an address that is not aligned",
    "NULL_REFERENCE": "a use of a null reference",
    "ARRAY_OUT_OF_BOUNDS": "an access outside of an array",
    "CAST_FAILURE": "a cast to a type that the reference has not",
}


Invoke = Callable[[ModuleRun, Mapping[str, Any]], Result]
"""Calls what is to be called, given the exports."""


def carry_out(
    run: ModuleRun,
    invoke: Invoke,
    limits: Limits,
    stack_bytes: int,
    allocate: Allocate | None,
    began: float,
    taken: float,
) -> Result:
    """Run it, name what became of it, and close the run; `began` and `taken` tell the stages."""
    try:
        return _carried_out(run, invoke, limits, stack_bytes, allocate, began, taken)
    finally:
        run.close()


def _carried_out(
    run: ModuleRun,
    invoke: Invoke,
    limits: Limits,
    stack_bytes: int,
    allocate: Allocate | None,
    began: float,
    taken: float,
) -> Result:
    called = taken
    try:
        exports = run.instantiate()
        called = time.monotonic()
        found = invoke(run, exports)
    except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
        found = died(run, limits, stack_bytes, error)
    returned = time.monotonic()
    run.output.close()
    watch = run.watch
    if watch.error is not None:
        raise watch.error
    if watch.stopped is not None:
        found = over(watch.stopped, limits, found.failure.traceback if found.failure else "")
    elif run.output.exceeded:
        found = over(Outcome.OUTPUT_LIMIT, limits)
    outputs: Mapping[str, Any] = {}
    if written := run.world.outputs():
        outputs = with_files({}, written, allocate or new_memory)
    ended = time.monotonic()
    moments = (began, taken, called, returned, ended)
    spans = zip(("compile", "instance", "run", "outputs"), moments, moments[1:], strict=False)
    return Result(
        found.outcome,
        run.output.text(STDOUT),
        run.output.text(STDERR),
        found.result,
        outputs,
        found.failure,
        run.memory_bytes(),
        run.fuel_used(),
        ended - began,
        {name: int((after - before) * 1e6) for name, before, after in spans},
    )


def died(run: ModuleRun, limits: Limits, stack_bytes: int, error: Exception) -> Result:
    """What a trap, or an error while it was instantiated, comes to."""
    if run.aborted is not None:
        failure = Failure("Abort", run.aborted[:4096] or "the module aborted")
        return Result(Outcome.EXCEPTION, failure=failure)
    if run.world.exit_status is not None:
        return left(run.world.exit_status)
    if isinstance(error, wasmtime.ExitTrap):  # a component's
        return left(error.code)
    if not isinstance(error, wasmtime.Trap):
        return _refused(limits, str(error))
    code = error.trap_code
    trace = traceback(error)
    if code is wasmtime.TrapCode.STACK_OVERFLOW:
        message = f"calls nested deeper than the stack of {stack_bytes // MIB} MiB"
        return Result(Outcome.CRASH, failure=Failure("StackOverflow", message, trace))
    if code is wasmtime.TrapCode.OUT_OF_FUEL:
        message = f"used more fuel than allowed (fuel {limits.fuel})"
        failure = Failure("FuelLimit", message, trace, limit=("fuel", limits.fuel))
        return Result(Outcome.CPU_LIMIT, failure=failure)
    if run.memory_bytes() > limits.memory_bytes - _BESIDE_LIMIT:
        return over(Outcome.MEMORY_LIMIT, limits, trace)
    if code is None and _THROWN not in str(error):
        return Result(Outcome.CRASH, failure=Failure("Trap", "the module trapped", trace))
    if code is None:
        failure = Failure("WasmException", "it threw an exception that nothing caught", trace)
        return Result(Outcome.EXCEPTION, failure=failure)
    name = "".join(part.title() for part in code.name.split("_"))
    message = _MESSAGES.get(code.name, f"the module trapped: {name}")
    return Result(Outcome.CRASH, failure=Failure(name, message, trace))


def traceback(trap: wasmtime.Trap) -> str:
    """The functions that were running, innermost last, as Python tells them."""
    lines = ["WebAssembly traceback (most recent call last):"]
    frames = trap.frames[:_MOST_FRAMES]
    for frame in reversed(frames):
        name = frame.func_name or f"function {frame.func_index}"
        known = frame.module_offset < _NOWHERE
        place = f" (at byte {frame.module_offset} of the module)" if known else ""
        lines.append(f"  {name[:_MOST_NAME]}{place}")
    return "\n".join(lines) if frames else ""


def _refused(limits: Limits, text: str) -> Result:
    """It could not be instantiated."""
    if "memory minimum size" in text or "memory limit" in text or _NO_HEAP in text:
        return over(Outcome.MEMORY_LIMIT, limits)
    if "table minimum size" in text or "table limit" in text:
        failure = Failure("TableLimit", "wanted a larger table than allowed")
        return Result(Outcome.MEMORY_LIMIT, failure=failure)
    if _TRAP in text:  # a component's
        reason = text.partition(_TRAP)[2].partition("\n")[0]
        kind = "StackOverflow" if "stack" in reason else "Trap"
        return Result(Outcome.CRASH, failure=Failure(kind, f"the component trapped: {reason}"))
    first = (text.splitlines() or ["no reason given"])[0]
    return Result(Outcome.CRASH, failure=Failure("Instantiation", first[:400]))

"""Runs an instance's one program and names what became of it.

Rules: whatever stopped a run from outside (`Watch`) outranks what the guest answered; a guest
that died beside its memory limit died of it; nothing the guest says can make this raise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import wasmtime

from edgemesh_sandbox.answer import ENVELOPE_BYTES, Allocate, Answer, BadAnswer
from edgemesh_sandbox.frame import Frame
from edgemesh_sandbox.guest.encoding import MOST_TENSORS, is_name
from edgemesh_sandbox.guest.layout import STDERR, STDOUT
from edgemesh_sandbox.instance import Instance, NoMemory
from edgemesh_sandbox.limits import MIB, Limits
from edgemesh_sandbox.media import media_type
from edgemesh_sandbox.memory import OutOfBounds
from edgemesh_sandbox.output import OnOutput
from edgemesh_sandbox.result import Failure, Outcome, Result
from edgemesh_sandbox.tensor import Tensor
from edgemesh_sandbox.values import Malformed, from_wire
from edgemesh_sandbox.wasi import World
from edgemesh_sandbox.watch import Cancelled

_FUEL = ("FuelLimit", "used more fuel than allowed", "fuel")
_BESIDE_LIMIT = 8 * MIB
"""A guest that died with less than this left is held to have died of it."""


def judge(
    instance: Instance,
    request: Frame,
    limits: Limits,
    deadline: float,
    cancelled: Cancelled | None,
    on_output: OnOutput | None,
    allocate: Allocate | None,
    world: World | None = None,
) -> Result:
    """Run `request` and say how it ended; raises only what the embedder's callbacks raise."""
    try:
        text = instance.run(request, limits, deadline, cancelled, on_output, world)
        verdict = _answered(instance, limits, text, allocate or new_memory, request.wire)
    except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
        status = instance.world.exit_status
        verdict = _died(instance, limits, error) if status is None else left(status)
    except NoMemory:
        verdict = over(Outcome.MEMORY_LIMIT, limits)
    except (BadAnswer, OutOfBounds) as error:
        verdict = Result(Outcome.CRASH, failure=Failure("BadAnswer", str(error)))
    watch, output = instance.watch, instance.output
    if watch.error is not None:
        raise watch.error
    if watch.stopped is not None:
        verdict = over(watch.stopped, limits)
    elif output.exceeded:
        verdict = over(Outcome.OUTPUT_LIMIT, limits)
    outputs = verdict.outputs
    if written := instance.world.outputs():
        outputs = with_files(outputs, written, allocate or new_memory)
    return Result(
        verdict.outcome,
        output.text(STDOUT),
        output.text(STDERR),
        verdict.result,
        outputs,
        verdict.failure,
        instance.added_bytes(),
        instance.fuel_used,
        keys=verdict.keys,
    )


def new_memory(nbytes: int) -> memoryview:
    """Memory of this process, where the embedder gives none of its own."""
    return memoryview(bytearray(nbytes))


def with_files(
    outputs: Mapping[str, Tensor], files: Mapping[str, bytes], allocate: Allocate
) -> dict[str, Tensor]:
    """The outputs, and the files that the program wrote: by their path, or with `outputs/` before
    it where the program gave that name to another output. At most so many as an answer can have."""
    everything = dict(outputs)
    for path, content in files.items():
        name = path if is_name(path) else path.encode("unicode_escape").decode()
        name = f"outputs/{name}" if name in everything else name
        if is_name(name) and len(everything) < MOST_TENSORS:
            data = allocate(len(content))
            data[:] = content
            everything[name] = Tensor("bytes", (len(content),), data, media_type(path))
    return everything


def _answered(
    instance: Instance, limits: Limits, text: memoryview, allocate: Allocate, wire: bool
) -> Result:
    if len(text) > ENVELOPE_BYTES:
        return over(Outcome.OUTPUT_LIMIT, limits)
    answer = Answer(text)
    if answer.outcome == "exit":
        return left(answer.exit_code)
    if answer.outcome == "exception":
        failure = answer.failure()
        if answer.out_of_memory:
            return over(Outcome.MEMORY_LIMIT, limits, failure.traceback)
        return Result(Outcome.EXCEPTION, failure=failure)
    value, nbytes = answer.result(instance.memory, instance.output.room)
    instance.output.count(nbytes)
    if instance.output.exceeded:
        return over(Outcome.OUTPUT_LIMIT, limits)
    outputs, keys = answer.tensors(instance.memory, allocate), answer.keys
    if not wire and answer.tagged:
        value = _decoded(value, outputs)
    if keys is not None and not {*keys, *(() if keys else ("output",))} <= outputs.keys():
        raise BadAnswer("a key has no tensor")
    if keys and not isinstance(value, dict | None):
        raise BadAnswer("there are keys and no dict")
    return Result(Outcome.OK, result=value, outputs=outputs, keys=keys)


def _decoded(value: Any, outputs: Mapping[str, Tensor]) -> Any:
    try:
        return from_wire(value, outputs)
    except Malformed as error:
        raise BadAnswer(str(error)) from None


def left(status: int) -> Result:
    """A run that ended itself."""
    if not status:
        return Result(Outcome.OK)
    message = f"the program ended itself with status {status}"
    return Result(Outcome.EXIT, failure=Failure("Exit", message, exit_code=status))


def _died(instance: Instance, limits: Limits, error: Exception) -> Result:
    code = error.trap_code if isinstance(error, wasmtime.Trap) else None
    if code is wasmtime.TrapCode.STACK_OVERFLOW:
        message = f"calls nested deeper than the stack of {instance.stack_bytes // MIB} MiB"
        return Result(Outcome.CRASH, failure=Failure("StackOverflow", message))
    if code is wasmtime.TrapCode.OUT_OF_FUEL:
        return Result(Outcome.CPU_LIMIT, failure=_limit(_FUEL, limits))
    if instance.added_bytes() > instance.allowed - _BESIDE_LIMIT:
        return over(Outcome.MEMORY_LIMIT, limits)
    if code is wasmtime.TrapCode.UNREACHABLE:
        return Result(Outcome.CRASH, failure=Failure("Abort", "the interpreter aborted"))
    name = code.name if code is not None else type(error).__name__
    return Result(Outcome.CRASH, failure=Failure("Trap", f"the interpreter trapped: {name}"))


def over(outcome: Outcome, limits: Limits, traceback: str = "") -> Result:
    """A run that ended at one of its limits, or because its caller wanted it."""
    return Result(outcome, failure=_failure(outcome, limits, traceback))


def _failure(outcome: Outcome, limits: Limits, traceback: str) -> Failure:
    details: dict[Outcome, tuple[str, str, str]] = {
        Outcome.TIMEOUT: ("TimeLimit", "ran longer than allowed", "run_time_ms"),
        Outcome.CPU_LIMIT: ("CpuLimit", "used more CPU time than allowed", "cpu_ms"),
        Outcome.MEMORY_LIMIT: ("MemoryLimit", "wanted more memory than allowed", "memory_bytes"),
        Outcome.OUTPUT_LIMIT: ("OutputLimit", "gave more output than allowed", "output_bytes"),
        Outcome.CALL_LIMIT: ("CallLimit", "called tools more often than allowed", "calls"),
    }
    if outcome not in details:
        return Failure("Cancelled", "the caller asked to stop")
    return _limit(details[outcome], limits, traceback)


def _limit(details: tuple[str, str, str], limits: Limits, traceback: str = "") -> Failure:
    kind, message, name = details
    value: Any = getattr(limits, name)
    return Failure(kind, f"{message} ({name} {value})", traceback, limit=(name, value))

"""The runner: calls of the mesh to runs of the sandbox, and back.

Rules: converts, decides nothing; the sandbox ends a run by itself at its deadline, at its limits
and when the caller leaves, and what it misses the pool ends with the worker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from edgemesh.compute.v1 import algorithm_pb2, compute_pb2

from edgemesh_executor_pywasm import capabilities, dtypes
from edgemesh_executor_pywasm.describe import algorithms
from edgemesh_executor_pywasm.folders import Folders
from edgemesh_executor_pywasm.heap import Heap
from edgemesh_executor_pywasm.modules import Modules
from edgemesh_executor_pywasm.outside import Mesh
from edgemesh_executor_pywasm.prepare import Preparing
from edgemesh_executor_pywasm.sessions.awake import Awake
from edgemesh_executor_pywasm.snapshots import Snapshots
from edgemesh_executor_pywasm.walls import Raised
from edgemesh_sandbox import Call as FunctionCall
from edgemesh_sandbox import (
    Failure,
    InputError,
    Limits,
    Outcome,
    Result,
    Sandbox,
    SnapshotError,
    Tensor,
    values,
)
from mesh_service.executor import (
    Call,
    InvalidInput,
    Reply,
    SessionOf,
    TensorView,
    UnusableSession,
)
from mesh_service.executor.call import INSPECT

_RESERVE_BYTES = 24 << 20
"""Of a call's memory, kept for what lies outside of the guest's growth: the image's pages that it
changes, and this process's own. So the sandbox's limit is met before the pool's, which costs the
worker."""

_AWAKE_BYTES = 128 << 20
"""What the sessions that a worker has awake may take, by default."""

_OPTIONS = ("image", "metered", "stack_bytes", "table_elements")
"""Of the configuration, what the sandbox is made with."""

_OUTCOMES = {
    Outcome.OK: compute_pb2.OUTCOME_OK,
    Outcome.EXCEPTION: compute_pb2.OUTCOME_EXCEPTION,
    Outcome.EXIT: compute_pb2.OUTCOME_EXIT,
    Outcome.TIMEOUT: compute_pb2.OUTCOME_TIMEOUT,
    Outcome.CPU_LIMIT: compute_pb2.OUTCOME_CPU_LIMIT,
    Outcome.MEMORY_LIMIT: compute_pb2.OUTCOME_MEMORY_LIMIT,
    Outcome.OUTPUT_LIMIT: compute_pb2.OUTCOME_OUTPUT_LIMIT,
    Outcome.CALL_LIMIT: compute_pb2.OUTCOME_CALL_LIMIT,
    Outcome.CRASH: compute_pb2.OUTCOME_CRASH,
    Outcome.CANCELLED: compute_pb2.OUTCOME_CANCELLED,
}


class PyWasmRunner:
    """Runs the algorithms of `describe` in a worker's sandbox."""

    def __init__(
        self, config: Mapping[str, Any], confine: Callable[[], Sequence[Raised]] = tuple
    ) -> None:
        """`config`: `images`, the folder, `ready`, the sandbox's options. Raises `ArtifactError`.

        `confine` raises the walls, when all is loaded and no thread has been started.
        """
        options = {name: config[name] for name in _OPTIONS if name in config}
        self._sandbox = Sandbox(Path(config["images"]), spare=False, **options)
        self._modules = Modules(config, _reply)
        self._awake = Awake(self._sandbox, int(config.get("awake_bytes", _AWAKE_BYTES)))
        self._snapshots = Snapshots(self._sandbox.image)
        self._preparing = Preparing(self._sandbox, _reply)
        self._folders = Folders(config.get("files", {}))
        self._heap = Heap()
        self.walls = confine()
        self._ready = bool(config["ready"])
        self._capabilities = [str(name) for name in config.get("capabilities", ())]
        self.rest()

    def describe(self) -> list[algorithm_pb2.Algorithm]:
        """Python's, and those of WebAssembly modules."""
        return [*algorithms(self._capabilities), *self._modules.algorithms()]

    def run(self, call: Call) -> Reply:
        """Run one program. Raises InvalidInput for inputs that it cannot be given."""
        if call.algorithm in self._modules.names:
            if call.session is not None:
                raise InvalidInput({"session_id": f"empty: {call.algorithm} starts anew each time"})
            return self._modules.run(call)
        if call.session is not None:
            return self._go_on(call, call.session)
        parameters, limits = call.parameters, call.limits
        on = None if call.image is None else self._snapshots.find(parameters["image"], call.image)
        if call.algorithm in self._preparing.algorithms:
            return self._preparing.run(call, on)
        given = sum(tensor.data.nbytes for tensor in call.inputs.values())
        try:
            inputs, function = _inputs(parameters.get("inputs", {}), call.inputs), _call(parameters)
            if '"$type"' in call.request.parameters:
                values.check(inputs, function)
            result = self._sandbox.run(
                parameters.get("code", ""),
                inputs,
                stdin=parameters.get("stdin", ""),
                call=function,
                limits=_limits(limits, given),
                deterministic=parameters.get("deterministic", False),
                deadline=call.deadline,
                cancelled=call.cancelled,
                on_output=call.output if call.streaming else None,
                allocate=call.allocate,
                wire=True,
                on=on,
                **self._granted(call),
            )
        except InputError as error:
            raise InvalidInput({error.field: error.reason}) from error
        return _reply(result, limits)

    def _go_on(self, call: Call, wanted: SessionOf) -> Reply:
        """Run one part of a session. Raises `UnusableSession` too."""
        parameters = call.parameters
        fixed: bool | None = parameters.get("deterministic")
        session = self._awake.take(wanted, bool(fixed))
        calls = session.calls
        try:
            if fixed is not None and fixed != session.deterministic:
                expected = f"{str(session.deterministic).lower()}, as the session was made"
                raise InvalidInput({"deterministic": expected})
            if INSPECT in call.request.capabilities:
                return _reply(session.look(_limits(call.limits, 0)), call.limits)
            given = sum(tensor.data.nbytes for tensor in call.inputs.values())
            inputs, function = _inputs(parameters.get("inputs", {}), call.inputs), _call(parameters)
            if '"$type"' in call.request.parameters:
                values.check(inputs, function)
            result = session.run(
                parameters["code"],
                inputs,
                stdin=parameters.get("stdin", ""),
                call=function,
                limits=_limits(call.limits, given),
                deadline=call.deadline,
                cancelled=call.cancelled,
                on_output=call.output if call.streaming else None,
                allocate=call.allocate,
                wire=True,
                **self._granted(call),
            )
            reply = _reply(result, call.limits)
            if session.calls > calls and session.last is not None:
                state = session.snapshot() if wanted.whole else session.last.forward
                reply.state = state.to_bytes()
            return reply
        except InputError as error:
            raise InvalidInput({error.field: error.reason}) from error
        except SnapshotError as error:
            raise UnusableSession(
                f"{error.field}: {error.expected}", f"{error.field}: {error.found}"
            ) from None
        finally:
            self._awake.give(wanted.number, session, wanted.calls + session.calls - calls)

    def _granted(self, call: Call) -> dict[str, Any]:
        """What a run gets of the outside."""
        granted = call.request.capabilities
        if not granted:
            return {}
        outside = Mesh(call.back) if capabilities.calls(granted) else None
        return {"files": self._folders.granted(granted), "outside": outside}

    def rest(self) -> None:
        """Make the next program's instance ready; called when an answer has been sent."""
        self._heap.rest()
        if self._ready:
            self._sandbox.prepare()

    def close(self) -> None:
        """Close the sandbox."""
        self._modules.close()
        self._awake.close()
        self._sandbox.close()


def _limits(limits: compute_pb2.Limits, given: int) -> Limits:
    """The sandbox's; `given`: bytes of the inputs, which come on top of its memory there."""
    return Limits(
        run_time_ms=limits.run_time_ms,
        memory_bytes=max(limits.memory_bytes - given - _RESERVE_BYTES, 0),
        output_bytes=limits.output_bytes,
        cpu_ms=limits.cpu_ms,
        fuel=limits.fuel,
        files_bytes=limits.files_bytes,
        calls=limits.calls,
    )


def _inputs(values: Mapping[str, Any], tensors: Mapping[str, TensorView]) -> dict[str, Any]:
    inputs = dict(values)
    for name, tensor in tensors.items():
        if name in inputs:
            raise InvalidInput({f"inputs.{name}": "not also in parameters.inputs"})
        dtype = dtypes.TO_SANDBOX.get(cast(Any, tensor.dtype))
        if dtype is None:
            raise InvalidInput({f"inputs.{name}.dtype": f"one of {', '.join(dtypes.TO_MESH)}"})
        inputs[name] = Tensor(dtype, tensor.shape, tensor.data, tensor.media_type)
    return inputs


def _call(parameters: Mapping[str, Any]) -> FunctionCall | None:
    if "function" not in parameters:
        return None
    return FunctionCall(
        parameters["function"],
        parameters.get("args", []),
        parameters.get("kwargs", {}),
        parameters.get("refs"),
    )


def _reply(result: Result, limits: compute_pb2.Limits) -> Reply:
    return Reply(
        outcome=_OUTCOMES[result.outcome],
        result=result.result,
        outputs={
            name: TensorView(
                dtypes.TO_MESH[tensor.dtype],
                tensor.shape,
                memoryview(tensor.data),
                tensor.media_type,
            )
            for name, tensor in result.outputs.items()
        },
        stdout=result.stdout,
        stderr=result.stderr,
        failure=result.failure and _failure(result.failure, limits),
        peak_memory_bytes=result.peak_memory_bytes,
        fuel=result.fuel,
        stages=result.stages,
    )


def _failure(failure: Failure, limits: compute_pb2.Limits) -> compute_pb2.Failure:
    message = compute_pb2.Failure(
        type=failure.type,
        message=failure.message,
        traceback=failure.traceback,
        exit_code=failure.exit_code,
        notes=failure.notes,
        exceptions=[_failure(member, limits) for member in failure.exceptions],
    )
    if failure.limit is not None:
        name, _ = failure.limit
        value: int = getattr(limits, name)  # the caller's, not what is left of it in here
        message.limit.CopyFrom(compute_pb2.Limit(name=name, value=value))
        message.message = f"{failure.message.partition(' (')[0]} ({name} {value})"
    return message

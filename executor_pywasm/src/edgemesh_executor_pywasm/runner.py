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
from edgemesh_executor_pywasm.outside import Mesh
from edgemesh_executor_pywasm.walls import Raised
from edgemesh_sandbox import Call as FunctionCall
from edgemesh_sandbox import Failure, InputError, Limits, Outcome, Result, Sandbox, Tensor, values
from mesh_service.executor import Call, InvalidInput, Reply, TensorView

_RESERVE_BYTES = 24 << 20
"""Of a call's memory, kept for what lies outside of the guest's growth: the image's pages that it
changes, and this process's own. So the sandbox's limit is met before the pool's, which costs the
worker."""

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
        self._folders = Folders(config.get("files", {}))
        self.walls = confine()
        self._ready = bool(config["ready"])
        self._capabilities = [str(name) for name in config.get("capabilities", ())]
        self.rest()

    def describe(self) -> list[algorithm_pb2.Algorithm]:
        """`python.run` and `python.call`."""
        return algorithms(self._capabilities)

    def run(self, call: Call) -> Reply:
        """Run one program. Raises InvalidInput for inputs that it cannot be given."""
        parameters, limits = call.parameters, call.limits
        granted = call.request.capabilities
        given = sum(tensor.data.nbytes for tensor in call.inputs.values())
        try:
            inputs, function = _inputs(parameters.get("inputs", {}), call.inputs), _call(parameters)
            if '"$type"' in call.request.parameters:
                values.check(inputs, function)
            result = self._sandbox.run(
                parameters["code"],
                inputs,
                stdin=parameters.get("stdin", ""),
                call=function,
                limits=Limits(
                    run_time_ms=limits.run_time_ms,
                    memory_bytes=max(limits.memory_bytes - given - _RESERVE_BYTES, 0),
                    output_bytes=limits.output_bytes,
                    cpu_ms=limits.cpu_ms,
                    fuel=limits.fuel,
                    files_bytes=limits.files_bytes,
                    calls=limits.calls,
                ),
                deterministic=parameters.get("deterministic", False),
                deadline=call.deadline,
                cancelled=call.cancelled,
                on_output=call.output if call.streaming else None,
                allocate=call.allocate,
                wire=True,
                files=self._folders.granted(granted) if granted else None,
                outside=Mesh(call.back) if capabilities.calls(granted) else None,
            )
        except InputError as error:
            raise InvalidInput({error.field: error.reason}) from error
        return _reply(result, limits)

    def rest(self) -> None:
        """Make the next program's instance ready; called when an answer has been sent."""
        if self._ready:
            self._sandbox.prepare()

    def close(self) -> None:
        """Close the sandbox."""
        self._sandbox.close()


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

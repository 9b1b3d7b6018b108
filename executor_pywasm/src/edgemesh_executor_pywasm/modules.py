"""`wasm.run` and the languages on it, in a worker: calls of the mesh to runs of modules, and back.

Rules: converts, decides nothing. A module is compiled in the worker that runs it, within the
request's limits: one that takes too long or too much for that costs its caller this worker, which
the pool replaces.
"""

from __future__ import annotations

import base64
import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from edgemesh.compute.v1 import algorithm_pb2, compute_pb2

from edgemesh_executor_pywasm.module_describe import (
    DIGEST,
    JS,
    MODULE,
    RUBY,
    RUN,
    TENANT,
    language_algorithm,
    run_algorithm,
)
from edgemesh_sandbox import ArtifactError, InputError, Limits, Result
from edgemesh_sandbox.languages import JavaScript, Language, Ruby
from edgemesh_sandbox.modules import Features, ModuleCall, ModuleRunner
from edgemesh_sandbox.values import Malformed, from_wire
from mesh_service.executor import Call, InvalidInput, Reply

_SHARED = ("metered", "stack_bytes", "table_elements")
"""Of the configuration, what holds for Python and modules alike."""

RESERVE_BYTES = 24 << 20
"""Of a call's memory, kept for what lies outside of the module's own: see `runner`."""

ToReply = Callable[[Result, compute_pb2.Limits], Reply]


class Modules:
    """Runs them in a worker."""

    def __init__(self, config: Mapping[str, Any], reply: ToReply) -> None:
        """`config`: that of the worker's runner; its `modules` are options of `ModuleRunner`."""
        options = dict(config.get("modules", {}))
        shared = {name: config[name] for name in _SHARED if name in config}
        self._runner = ModuleRunner(
            features=Features.of(options.pop("features", ())), **options, **shared
        )
        self._reply = reply
        self._languages = _languages(Path(config["images"])) if "images" in config else {}
        self.names = frozenset((RUN, *self._languages))
        """The algorithms' names."""

    def algorithms(self) -> list[algorithm_pb2.Algorithm]:
        """What is offered."""
        return [run_algorithm(), *map(language_algorithm, self._languages)]

    def run(self, call: Call) -> Reply:
        """Run one call. Raises InvalidInput."""
        try:
            language = self._languages.get(call.algorithm)
            result = self._run(call) if language is None else _run_program(language, call)
        except InputError as error:
            raise InvalidInput({_field(error.field): error.reason}) from error
        return self._reply(replace(result, result=to_wire(result.result)), call.limits)

    def close(self) -> None:
        """Free everything."""
        self._runner.close()
        for language in self._languages.values():
            language.close()

    def _run(self, call: Call) -> Result:
        parameters, inputs = call.parameters, dict(call.inputs)
        module = inputs.pop(MODULE, None)
        if module is None:
            raise InvalidInput({f"inputs.{MODULE}": "required"})
        files = {name: tensor.data for name, tensor in inputs.items()}
        return self._runner.run(
            module.data,
            ModuleCall(
                function=parameters.get("function", "_start"),
                args=_arguments(parameters.get("args", [])),
                argv=parameters.get("argv", []),
                stdin=parameters.get("stdin", "").encode(),
                env=parameters.get("env", {}),
                host_functions=parameters.get("host_functions", []),
            ),
            digest=parameters.get(DIGEST, ""),
            tenant=parameters.get(TENANT, ""),
            files=files,
            deterministic=parameters.get("deterministic", False),
            limits=limits_of(call, sum(len(data) for data in files.values())),
            deadline=call.deadline,
            cancelled=call.cancelled,
            on_output=call.output if call.streaming else None,
            allocate=call.allocate,
        )


def _languages(images: Path) -> dict[str, Language]:
    """Those that were made at set-up, by the names of their algorithms."""
    found: dict[str, Language] = {}
    for name, language in ((JS, JavaScript), (RUBY, Ruby)):
        with contextlib.suppress(ArtifactError):
            found[name] = language(images)
    return found


def _run_program(language: Language, call: Call) -> Result:
    parameters = call.parameters
    files = {name: tensor.data for name, tensor in call.inputs.items()}
    return language.run(
        parameters["code"],
        parameters.get("inputs", {}),
        stdin=parameters.get("stdin", ""),
        files=files,
        deterministic=parameters.get("deterministic", False),
        limits=limits_of(call, sum(len(data) for data in files.values())),
        deadline=call.deadline,
        cancelled=call.cancelled,
        on_output=call.output if call.streaming else None,
        allocate=call.allocate,
    )


def limits_of(call: Call, given: int) -> Limits:
    """The run's limits, when `given` bytes of its memory are its inputs."""
    limits = call.limits
    return Limits(
        run_time_ms=limits.run_time_ms,
        memory_bytes=max(limits.memory_bytes - given - RESERVE_BYTES, 0),
        output_bytes=limits.output_bytes,
        cpu_ms=limits.cpu_ms,
        fuel=limits.fuel,
        files_bytes=limits.files_bytes,
    )


def _arguments(args: list[Any]) -> list[Any]:
    """Numbers as they are, and what JSON cannot carry, by its tag."""
    decoded: list[Any] = []
    for at, value in enumerate(args):
        try:
            decoded.append(from_wire(value, {}) if isinstance(value, dict) else value)
        except Malformed as error:
            raise InputError(f"args[{at}]", str(error)) from None
    return decoded


def to_wire(value: Any) -> Any:
    """A result as JSON; what that cannot carry by its tag."""
    if isinstance(value, list):
        return [to_wire(each) for each in cast(list[Any], value)]
    if isinstance(value, bytes):
        return {"$type": "bytes", "value": base64.b64encode(value).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$type": "float", "value": repr(value)}
    return value


def _field(field: str) -> str:
    """Where in a request it is."""
    if field == "module":
        return f"inputs.{MODULE}"
    if field.startswith("files."):
        return f"inputs.{field.removeprefix('files.')}"
    return field if field.startswith("limits.") else f"parameters.{field}"

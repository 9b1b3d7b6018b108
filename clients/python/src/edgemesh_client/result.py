"""What came of a piece of work.

Rules: `value` is the whole of it as Python, made of the JSON result and the outputs together:

    nothing                                  None
    no result, one output                    that output
    no result, several outputs               a dict of them
    a result that is a dict, and outputs     both in one dict; files and figures stay in `outputs`
    any other result                         the result
"""

from __future__ import annotations

import enum
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy.typing as npt
from edgemesh.compute.v1 import compute_pb2

from edgemesh_client import errors
from edgemesh_client.regions import Landing
from edgemesh_client.values import Blob, decode, from_tensor

Output = npt.NDArray[Any] | bytes


class Outcome(enum.Enum):
    """How work ended."""

    OK = "OK"
    EXCEPTION = "EXCEPTION"
    EXIT = "EXIT"
    TIMEOUT = "TIMEOUT"
    CPU_LIMIT = "CPU_LIMIT"
    MEMORY_LIMIT = "MEMORY_LIMIT"
    OUTPUT_LIMIT = "OUTPUT_LIMIT"
    CALL_LIMIT = "CALL_LIMIT"
    CRASH = "CRASH"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"
    """One that this client is too old to know."""


_RAISED: dict[Outcome, type[errors.AlgorithmFailed]] = {
    Outcome.EXCEPTION: errors.ProgramRaised,
    Outcome.EXIT: errors.ProgramExited,
    Outcome.TIMEOUT: errors.TimeLimit,
    Outcome.CPU_LIMIT: errors.LimitPassed,
    Outcome.MEMORY_LIMIT: errors.LimitPassed,
    Outcome.OUTPUT_LIMIT: errors.LimitPassed,
    Outcome.CALL_LIMIT: errors.LimitPassed,
    Outcome.CRASH: errors.Crashed,
    Outcome.CANCELLED: errors.WorkCancelled,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why work did not end well."""

    type: str
    message: str
    traceback: str = ""
    signal: int = 0
    exit_code: int = 0
    limit: tuple[str, int] | None = None
    """The limit that was passed, and its value."""
    notes: tuple[str, ...] = ()
    exceptions: tuple[Failure, ...] = ()
    """The members of a group of exceptions."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What work used."""

    queue_us: int = 0
    run_us: int = 0
    total_us: int = 0
    cpu_us: int = 0
    fuel: int = 0
    peak_memory_bytes: int = 0
    executor: str = ""
    version: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    stages: Mapping[str, int] = field(default_factory=dict[str, int])
    """Stage of the run → microseconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """The result of one call."""

    outcome: Outcome
    value: Any
    outputs: Mapping[str, Output]
    """By name: arrays (read-only; `.copy()` may be written to), or bytes."""
    stdout: str
    stderr: str
    failure: Failure | None
    usage: Usage
    algorithm: str
    """What ran, with its version."""
    request_id: str
    capabilities: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it ran to its end."""
        return self.outcome is Outcome.OK

    def check(self, place: str = "") -> Result:
        """Itself. Raises AlgorithmFailed unless it is OK."""
        if not self.ok:
            raise _RAISED.get(self.outcome, errors.AlgorithmFailed)(self, place)
        return self

    def __getitem__(self, name: str) -> Output:
        return self.outputs[name]

    def __repr__(self) -> str:
        shown = repr(self.value) if self.failure is None else f"{self.failure.type}"
        return f"<Result {self.outcome.value} of {self.algorithm}: {shown:.200}>"

    def _repr_html_(self) -> str:
        took = f"{self.usage.run_us / 1000:.1f} ms"
        parts = [f"<div><code>{html.escape(self.algorithm)}</code> {self.outcome.value}, {took}"]
        if self.stdout:
            parts.append(f"<pre>{html.escape(self.stdout)}</pre>")
        if self.failure is not None:
            text = self.failure.traceback or f"{self.failure.type}: {self.failure.message}"
            parts.append(f"<pre style='color:#b00'>{html.escape(text)}</pre>")
        pictures = [each for each in self.outputs.values() if isinstance(each, Blob)]
        if self.value is not None and not isinstance(self.value, Blob):
            render = getattr(self.value, "_repr_html_", None)
            shown = render() if callable(render) else f"<pre>{html.escape(repr(self.value))}</pre>"
            parts.append(cast(str, shown))
        parts += [picture._repr_html_() for picture in pictures]  # pyright: ignore[reportPrivateUsage]
        return "".join([*parts, "</div>"])


def read_result(response: compute_pb2.ComputeResponse, landing: Landing | None = None) -> Result:
    """A response of the contract. Raises Undecodable; ValueUnfit where `landing` is too small."""
    landed = landing.take(response) if landing is not None else {}
    result, used = None, set[str]()
    if response.result:
        try:
            parsed = json.loads(response.result)
        except ValueError as error:
            raise errors.Undecodable(f"the result is no JSON: {error}") from None
        result, used = decode(parsed, response.outputs, landed)
    outputs: dict[str, Output] = {
        name: landed[name] if name in landed else from_tensor(tensor)
        for name, tensor in response.outputs.items()
    }
    own = {name: each for name, each in outputs.items() if name not in used}
    name = compute_pb2.Outcome.Name(response.outcome) if _known(response.outcome) else "_UNKNOWN"
    outcome = Outcome(name.removeprefix("OUTCOME_").removeprefix("_"))
    usage = response.usage
    return Result(
        outcome=outcome,
        value=_value(bool(response.result), result, own),
        outputs=outputs,
        stdout=response.stdout,
        stderr=response.stderr,
        failure=_failure(response.failure) if response.HasField("failure") else None,
        usage=Usage(
            usage.queue_us,
            usage.run_us,
            usage.total_us,
            usage.cpu_us,
            usage.fuel,
            usage.peak_memory_bytes,
            usage.executor,
            usage.version,
            usage.input_tokens,
            usage.output_tokens,
            {stage.name: stage.us for stage in usage.stages},
        ),
        algorithm=response.algorithm,
        request_id=response.request_id,
        capabilities=tuple(response.capabilities),
    )


def _known(number: int) -> bool:
    return number != 0 and number in compute_pb2.Outcome.values()


def _value(there: bool, result: Any, own: Mapping[str, Output]) -> Any:
    if not there:
        if len(own) == 1 or "output" in own:
            return own.get("output", next(iter(own.values())))
        return dict(own) or None
    named = {name: each for name, each in own.items() if not isinstance(each, Blob)}
    return {**result, **named} if isinstance(result, dict) and named else result


def _failure(failure: compute_pb2.Failure) -> Failure:
    limit = (failure.limit.name, failure.limit.value) if failure.HasField("limit") else None
    return Failure(
        failure.type,
        failure.message,
        failure.traceback,
        failure.signal,
        failure.exit_code,
        limit,
        tuple(failure.notes),
        tuple(map(_failure, failure.exceptions)),
    )


def of_item(number: int, item: Mapping[str, Any], whole: Result) -> Result:
    """What became of one item of a map."""
    told: Mapping[str, Any] | None = item.get("failure")
    outcome = Outcome(str(item["outcome"]).upper())
    failure = None
    if told is not None or outcome is not Outcome.OK:
        told = told or {"type": "", "message": "the time was over before it had ended"}
        failure = _of_told(told)
    prefix = f"{number}."
    outputs = {
        name.removeprefix(prefix): each
        for name, each in whole.outputs.items()
        if name.startswith(prefix)
    }
    return Result(
        outcome, item.get("result"), outputs, "", "", failure, whole.usage, whole.algorithm,
        whole.request_id, whole.capabilities,
    )  # fmt: skip


def _of_told(told: Mapping[str, Any]) -> Failure:
    return Failure(
        told["type"],
        told["message"],
        told.get("traceback", ""),
        exit_code=told.get("exit_code", 0),
        notes=tuple(told.get("notes", ())),
        exceptions=tuple(map(_of_told, told.get("exceptions", ()))),
    )

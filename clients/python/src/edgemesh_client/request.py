"""What a caller says, to a request of the contract.

Rules: arrays and bytes are the algorithm's inputs, all else its parameters. Algorithms that run a
language of programs (python, js, ruby) take any value of the table of wire forms; all others take
JSON, where NumPy's scalars and tuples are numbers and lists.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, cast

import numpy as np
from edgemesh.compute.v1 import compute_pb2

from edgemesh_client.errors import ConfigurationError, ValueUnfit
from edgemesh_client.regions import Regions
from edgemesh_client.values import Encoder, is_array, to_tensor

Priority = Literal["realtime", "interactive", "batch"]
_PROGRAMS = ("python.", "js.", "ruby.")


class Limits(TypedDict, total=False):
    """What work may use; what is not named has the executor's default."""

    run_time_ms: int
    cpu_ms: int
    memory_bytes: int
    output_bytes: int
    calls: int
    fuel: int
    files_bytes: int


@dataclass(frozen=True, slots=True)
class Call:
    """What a request says beside parameters and inputs."""

    limits: Limits | None = None
    priority: Priority | None = None
    session: str = ""
    capabilities: Sequence[str] = ()
    request_id: str = ""


def make_request(
    algorithm: str,
    call: Call,
    arguments: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    tensors: Mapping[str, Any] | None = None,
    regions: Regions | None = None,
) -> compute_pb2.ComputeRequest:
    """The request; what lies in shared `regions` is named, not sent.

    Raises ValueUnfit, ConfigurationError.
    """
    said, inputs = dict(parameters or {}), dict(tensors or {})
    for name, value in arguments.items():
        if isinstance(value, (bytes, bytearray, memoryview)) or _is_plain_array(value, algorithm):
            inputs[name] = value
        else:
            said[name] = value
    request = compute_pb2.ComputeRequest(
        algorithm=algorithm,
        request_id=call.request_id,
        session_id=call.session,
        capabilities=call.capabilities,
        limits=_limits(call.limits),
        priority=_priority(call.priority),
    )
    for name, value in inputs.items():
        place = regions.place(algorithm, value) if regions is not None else None
        request.inputs[name].CopyFrom(to_tensor(value, f"input {name!r}", place))
    if algorithm.startswith(_PROGRAMS):
        _named(said.get("inputs"))
        encoder = Encoder(inputs)
        wire: Any = {name: encoder.encode(value, name) for name, value in said.items()}
        for name, tensor in encoder.tensors.items():
            request.inputs[name].CopyFrom(tensor)
    else:
        wire = {name: _json(value, name) for name, value in said.items()}
    request.parameters = json.dumps(wire, allow_nan=False) if wire else ""
    return request


def requirements(dependencies: Sequence[str]) -> tuple[str, ...]:
    """Names of packages, as pip writes them. Raises ConfigurationError for one text."""
    if isinstance(dependencies, str):
        raise ConfigurationError("dependencies", f"a list, as [{dependencies!r}], and no text")
    return tuple(dependencies)


def _named(inputs: Any) -> None:
    """A program's inputs are its names. Raises ValueUnfit for what is none."""
    for name in cast("dict[Any, Any]", inputs) if isinstance(inputs, dict) else ():
        if not isinstance(name, str) or name == "$type":
            raise ValueUnfit("inputs", f"has {name!r} for a name: put the dict under one of text")


def _is_plain_array(value: Any, algorithm: str) -> bool:
    if not is_array(value):
        return False
    if not algorithm.startswith(_PROGRAMS):
        return True
    # Programs take the others as they are: tables, masked arrays, arrays of text and dates.
    array = isinstance(value, np.ndarray) or type(value).__module__.split(".")[0] != "pandas"
    plain = array and not isinstance(value, np.ma.MaskedArray)
    return plain and np.asarray(value).dtype.kind in "biufc"


def _limits(limits: Limits | None) -> compute_pb2.Limits | None:
    if limits is None:
        return None
    try:
        return compute_pb2.Limits(**cast(Any, limits))
    except (TypeError, ValueError) as error:
        known = ", ".join(Limits.__annotations__)
        raise ConfigurationError("limits", f"{error}; there are {known}") from None


def _priority(priority: Priority | None) -> compute_pb2.Priority.ValueType:
    if priority is None:
        return compute_pb2.PRIORITY_UNSPECIFIED
    try:
        return compute_pb2.Priority.Value(f"PRIORITY_{priority.upper()}")
    except ValueError:
        raise ConfigurationError("priority", "realtime, interactive or batch") from None


def _json(value: Any, place: str) -> Any:
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if not np.isfinite(value):
            raise ValueUnfit(place, f"is {value}, which JSON has not")
        return float(value)
    if isinstance(value, np.generic):
        return _json(value.item(), place)
    if isinstance(value, Mapping):
        items = cast(Mapping[Any, Any], value).items()
        return {str(key): _json(item, f"{place}.{key}") for key, item in items}
    if isinstance(value, (list, tuple, range)):
        parts = cast(Sequence[Any], value)
        return [_json(item, f"{place}[{at}]") for at, item in enumerate(parts)]
    if is_array(value):
        return _json(np.asarray(value).tolist(), place)
    raise ValueUnfit(place, f"is of type {type(value).__name__}, which JSON has not")

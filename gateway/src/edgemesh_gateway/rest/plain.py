"""Protobuf messages as plain JSON: the contract's own names, whole numbers as numbers.

Rules: protobuf's own JSON turns 64-bit numbers into texts and names into camelCase, which reads
badly beside the contract. Enumerations are their names without the type's; empty fields are left
out of messages, but for those that a caller asks for. JSON texts within (`parameters_schema`,
`result`, …) are JSON here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from edgemesh.compute.v1 import compute_pb2, tensor_pb2
from google.protobuf.message import Message

from edgemesh_gateway.rest import arrays
from edgemesh_gateway.rest.arrays import Form

_JSON_TEXTS = frozenset({"parameters_schema", "result_schema", "result"})


def response(
    answer: compute_pb2.ComputeResponse, form: Form, *, outputs: bool = True
) -> dict[str, Any]:
    """What came of a request, with or without its tensors."""
    always = ("request_id", "outcome", "algorithm", "result")
    return message(answer, form, always, without=() if outputs else ("outputs",))


def event(happened: compute_pb2.ComputeEvent, form: Form) -> tuple[str, dict[str, Any]]:
    """One thing that happened: its kind and its content."""
    kind = happened.WhichOneof("event") or "progress"
    content = getattr(happened, kind)
    if kind == "response":
        return kind, response(content, form)
    always = {"token": ("text", "id"), "progress": ("fraction",)}
    return kind, message(content, form, always=always.get(kind, ()))


def message(
    told: Message,
    form: Form = "auto",
    always: Iterable[str] = (),
    without: Iterable[str] = (),
) -> dict[str, Any]:
    """A message's fields; those of `always` even when they are empty."""
    wanted = frozenset(always)
    left_out = frozenset(without)
    set_fields = {f.name: value for f, value in told.ListFields() if f.name not in left_out}
    return {
        field.name: _field(field, set_fields.get(field.name, _default(field)), form)
        for field in told.DESCRIPTOR.fields
        if field.name in set_fields or field.name in wanted
    }


def _default(field: Any) -> Any:
    return [] if field.is_repeated else field.default_value


def _field(field: Any, value: Any, form: Form) -> Any:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        held = cast(Mapping[str, Any], value)
        return {name: _value(each, form) for name, each in held.items()}
    convert: Callable[[Any], Any] = lambda each: _value(each, form)  # noqa: E731
    if (kind := field.enum_type) is not None:
        prefix = _prefix(kind.name)
        convert = lambda n: _enumerated(kind.values_by_number, n, prefix)  # noqa: E731
    if field.is_repeated:
        return [convert(each) for each in value]
    if field.name in _JSON_TEXTS:
        return finite(json.loads(value)) if value else None
    return convert(value)


def _value(value: Any, form: Form) -> Any:
    if isinstance(value, tensor_pb2.Tensor):
        return arrays.render(value, form)
    if isinstance(value, Message):
        return message(value, form)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float):
        return finite(value)
    return value


def _enumerated(names: Mapping[int, Any], number: int, prefix: str) -> Any:
    found = names.get(number)
    return number if found is None else str(found.name).removeprefix(prefix)


def _prefix(name: str) -> str:
    """`DATA_TYPE_` for `DataType`."""
    return "".join(f"_{c}" if c.isupper() and i else c for i, c in enumerate(name)).upper() + "_"


def finite(value: Any) -> Any:
    """The same with "NaN", "Infinity" and "-Infinity" for what JSON has no numbers for."""
    if isinstance(value, float):
        if value != value:
            return "NaN"
        if value in (float("inf"), float("-inf")):
            return "Infinity" if value > 0 else "-Infinity"
        return value
    if isinstance(value, dict):
        return {key: finite(each) for key, each in cast(dict[str, Any], value).items()}
    if isinstance(value, list):
        return [finite(each) for each in cast(list[Any], value)]
    return value

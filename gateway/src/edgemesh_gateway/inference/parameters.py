"""Values of an algorithm's parameters from what the protocol can say: plain ones, and tensors.

The rule for a tensor, or a text, that is a parameter's by its name:

    the schema takes          a tensor of BYTES                  of numbers              a text
    a text                    its one element                    none                    it
    a list of texts           its elements                       none                    it, as JSON
    anything else             its one element, as JSON           a list by its shape,    it, as JSON
                                                                 or its one number

Rules: what does not fit the schema is the executor's to refuse.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from edgemesh.inference import open_inference_grpc_pb2 as pb

from edgemesh_gateway.inference.datatypes import BYTES, numbers, unpack, wrong

Schema = Mapping[str, Any]


def takes_text(schema: Schema) -> bool:
    """Whether a text is a value of it."""
    kinds = schema.get("type", ())
    if kinds == "string" or "string" in kinds:
        return True
    return not kinds and any(isinstance(each, str) for each in schema.get("enum", ()))


def takes_texts(schema: Schema) -> bool:
    """Whether a list of texts is."""
    return schema.get("type") == "array" and takes_text(schema.get("items", {}))


def of_tensor(field: str, schema: Schema, datatype: str, shape: Sequence[int], raw: bytes) -> Any:
    """A tensor's value. Raises InvalidTensor."""
    if datatype != BYTES:
        found = numbers(field, datatype, raw)
        if schema.get("type") == "array":
            return _nested(field, found, shape)
        if len(found) != 1:
            raise wrong(field, f"one number, not {len(found)}")
        return found[0]
    texts = [_text(field, each) for each in unpack(field, raw, shape)]
    if takes_texts(schema):
        return texts
    if len(texts) != 1:
        raise wrong(field, f"one element, not {len(texts)}")
    return texts[0] if takes_text(schema) else _parsed(field, texts[0])


def of_parameter(schema: Schema, given: pb.InferParameter) -> Any:
    """A plain parameter's value."""
    kind = given.WhichOneof("parameter_choice")
    value = None if kind is None else getattr(given, kind)
    if not isinstance(value, str) or takes_text(schema) or not schema:
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _text(field: str, element: bytes) -> str:
    try:
        return element.decode()
    except UnicodeDecodeError:
        raise wrong(field, "text in UTF-8") from None


def _parsed(field: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise wrong(field, "JSON, as its one element") from None


def _nested(field: str, flat: list[Any], shape: Sequence[int]) -> list[Any]:
    for length in reversed(shape[1:]):
        if length <= 0 or len(flat) % length:
            raise wrong(field, f"as many elements as shape {list(shape)} says")
        flat = [flat[at : at + length] for at in range(0, len(flat), length)]
    if len(flat) != (shape[0] if shape else 1):
        raise wrong(field, f"as many elements as shape {list(shape)} says")
    return flat

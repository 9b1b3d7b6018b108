"""JSON Schemas that a program brings along, or that its signature tells: all of them untrusted."""

from __future__ import annotations

import json
from typing import Any, cast

from edgemesh.compute.v1 import algorithm_pb2
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from mesh_service.errors import InvalidRequest, Violation

_SCHEMA = "https://json-schema.org/draft/2020-12/schema"
_MOST_SCHEMA = 64 << 10


def schema(value: Any) -> str:
    """A schema as text. Raises SchemaError, ValueError."""
    text = json.dumps({"$schema": _SCHEMA, **value})
    if len(text) > _MOST_SCHEMA:
        raise ValueError("too long")
    Draft202012Validator.check_schema(json.loads(text))
    return text


def check_schemas(algorithm: algorithm_pb2.Algorithm) -> None:
    """Look at the schemas that came along. Raises InvalidRequest."""
    for field in ("parameters_schema", "result_schema"):
        text: str = getattr(algorithm, field)
        if not text:
            continue
        try:
            value = as_object(json.loads(text))
            if not value and text.strip() != "{}":
                raise ValueError("it is no object")
            Draft202012Validator.check_schema(value)
        except SchemaError as error:
            raise invalid(field, f"a JSON Schema; {error.message}"[:400]) from None
        except (ValueError, RecursionError) as error:
            raise invalid(field, f"a JSON Schema as text; {error}"[:400]) from None


def as_object(value: Any) -> dict[str, Any]:
    """It, or an empty one where it is none."""
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def invalid(field: str, expected: str) -> InvalidRequest:
    """The refusal of one field."""
    return InvalidRequest([Violation(field, expected)])

"""Tells quickly of most parameters that they are right, so that the schema need not be walked.

Rules: says yes only where the schema certainly does; everything else, and whatever is wrong, is for
the real validator, which alone gives reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

_KINDS: Mapping[str, type] = {
    "string": str,
    "object": dict,
    "array": list,
    "boolean": bool,
    "integer": int,
    "null": type(None),
}
"""A value of exactly this Python type is of that JSON type; 1.0 and True are left to others."""
_REMARKS = frozenset({"$schema", "title", "description", "default", "examples"})
_KNOWN = _REMARKS | {"type", "properties", "required", "additionalProperties"}


def plain_check(schema: Any) -> Callable[[Mapping[str, Any]], bool]:
    """A check of an object against a JSON Schema: True means valid, False means not known."""
    words = _dict(schema)
    if words.keys() - _KNOWN or words.get("type") != "object":
        return _unknown
    kinds: dict[str, type] = {}
    for name, each in _dict(words.get("properties")).items():
        kind = _dict(each).get("type")
        if isinstance(kind, str) and kind in _KINDS and not each.keys() - _REMARKS - {"type"}:
            kinds[name] = _KINDS[kind]
    required = frozenset[str](words.get("required", ()))

    def check(value: Mapping[str, Any]) -> bool:
        return required <= value.keys() and all(
            type(each) is kinds.get(name) for name, each in value.items()
        )

    return check


def _dict(value: Any) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def _unknown(_: Mapping[str, Any]) -> bool:
    return False

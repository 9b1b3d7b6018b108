"""JSON Schemas as tables: a row for each property, those of objects in objects by their path."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from edgemesh_docs.tables import code, plain, table

Schema = Mapping[str, Any]
_DEEPEST = 3
_BOUNDS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minItems": "at least {} of them",
    "maxItems": "at most {} of them",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "matches {}",
}


def properties(schema: Schema, definitions: Schema | None = None) -> str:
    """The table of an object's properties; empty where it has none."""
    rows = list(_rows(schema, definitions or schema.get("$defs", {}), "", 0))
    return table(("name", "is", "means"), rows) + "\n" if rows else ""


def _rows(
    schema: Schema, definitions: Schema, within: str, depth: int
) -> Iterator[tuple[str, ...]]:
    required = set(cast("list[str]", schema.get("required", [])))
    for name, given in cast("dict[str, Schema]", schema.get("properties", {})).items():
        each = _resolved(given, definitions)
        path = f"{within}{name}"
        kind = _kind(given, definitions)
        if "default" in each:
            kind += f"; default {code(json.dumps(each['default'], ensure_ascii=False))}"
        elif name in required and not within:
            kind += "; required"
        yield code(path), kind, _meaning(each)
        inner = _resolved(each.get("items", {}), definitions) if "items" in each else each
        if "properties" in inner and depth < _DEEPEST and "$ref" not in given:
            mark = "[]." if inner is not each else "."
            yield from _rows(inner, definitions, f"{path}{mark}", depth + 1)


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    name = cast(str, schema.get("$ref", "")).rpartition("/")[2]
    return {**definitions[name], **schema} if name in definitions else schema


def _kind(schema: Schema, definitions: Schema) -> str:
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return _kind(definitions[name], definitions) if name in definitions else code(name)
    if "enum" in schema:
        return ", ".join(code(json.dumps(value)) for value in schema["enum"])
    if "const" in schema:
        return code(json.dumps(schema["const"]))
    for key in ("anyOf", "oneOf"):
        if key in schema:
            kinds = [_kind(each, definitions) for each in schema[key]]
            return " or ".join(dict.fromkeys(kinds))
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        return " or ".join(str(each) for each in cast("list[Any]", kind))
    if kind == "array" and schema.get("items"):
        return f"list of {_kind(schema['items'], definitions)}"
    return {"array": "list", "string": "text"}.get(str(kind), str(kind))


def _meaning(schema: Schema) -> str:
    bounds = [form.format(code(str(schema[key]))) for key, form in _BOUNDS.items() if key in schema]
    said = plain(str(schema.get("description", "")).strip())
    return " ".join(part for part in (said, ("; ".join(bounds) + ".") if bounds else "") if part)

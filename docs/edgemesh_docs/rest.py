"""REST's reference: the paths and bodies that the gateway's own OpenAPI document describes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from edgemesh_docs import schema
from edgemesh_docs.tables import code, plain, table

PLACE = "rest.md"
Document = Mapping[str, Any]


def page(document: Document) -> str:
    """The page's text."""
    return "\n".join(_text(document))


def _text(document: Document) -> Iterator[str]:
    yield "# REST\n"
    yield (
        "Every path, as `GET /openapi.json` of a gateway tells them; made from that document when "
        "this site is built. How tensors, streams and errors look: "
        "[the gateway's page](../parts/gateway.md#rest).\n"
    )
    schemas: Document = document.get("components", {}).get("schemas", {})
    yield "## Paths\n"
    rows: list[tuple[str, ...]] = []
    for path, ways in cast("Mapping[str, Mapping[str, Any]]", document["paths"]).items():
        for verb, way in ways.items():
            said = str(way.get("description") or way.get("summary") or "")
            rows.append((code(f"{verb.upper()} {path}"), plain(said), _asked(way), _body(way)))
    yield table(("path", "does", "asks", "body"), rows) + "\n"
    yield "## Bodies\n"
    for name in sorted(schemas):
        each = cast("schema.Schema", schemas[name])
        fields = schema.properties(each, schemas)
        if not fields:
            continue
        yield f"### {name} {{ #{name} }}\n"
        if said := str(each.get("description", "")).strip():
            yield f"{plain(said)}\n"
        yield fields


def _asked(way: Document) -> str:
    names = (
        str(each["name"]) for each in way.get("parameters", []) if each.get("in") in ("query",)
    )
    return ", ".join(code(name) for name in names)


def _body(way: Document) -> str:
    content = cast("Mapping[str, Any]", way.get("requestBody", {}).get("content", {}))
    names = [
        str(each.get("schema", {}).get("$ref", "")).rpartition("/")[2] for each in content.values()
    ]
    return ", ".join(f"[`{name}`](#{name})" for name in dict.fromkeys(names) if name)

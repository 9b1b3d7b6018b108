"""What a text must be: `response_format` as OpenAI's API has it, or `regex`.

Rules: a form that cannot be met, or needs what is not supported, is refused with the place where
that is said; nothing is generated then.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgemesh_candle import ConstraintError
from mesh_service.executor import InvalidInput

MOST_REGEX = 65_536
MOST_SCHEMA = 262_144
"""Characters of a schema as JSON text."""

SCHEMA: Mapping[str, Any] = {
    "response_format": {
        "type": "object",
        "required": ["type"],
        "additionalProperties": False,
        "properties": {
            "type": {"type": "string", "enum": ["text", "json_object", "json_schema"]},
            "json_schema": {
                "type": "object",
                "required": ["schema"],
                "additionalProperties": False,
                "properties": {
                    "name": {"type": "string", "maxLength": 256},
                    "description": {"type": "string", "maxLength": 65_536},
                    "strict": {"type": ["boolean", "null"]},
                    "schema": {"type": ["object", "boolean"]},
                },
            },
        },
        "description": "what the text must be: JSON that a schema describes, or any object",
    },
    "regex": {
        "type": "string",
        "minLength": 1,
        "maxLength": MOST_REGEX,
        "description": "what the whole text must match; without anchors and lookaround",
    },
}
"""Parameters of the algorithms that have them."""

_FORMAT = "parameters.response_format"
_REGEX = "parameters.regex"
_PLACE = f"{_FORMAT}.json_schema.schema"


@dataclass(frozen=True, slots=True)
class Form:
    """What the native module is told; where it was said."""

    schema: str | None = None
    regex: str | None = None
    field: str = ""

    def refused(self, error: ConstraintError) -> InvalidInput:
        """Who asked for it is told where it is wrong."""
        return InvalidInput({f"{self.field}{error.place}": error.reason})


def read(parameters: Mapping[str, Any]) -> Form:
    """The form that a call wants. Raises InvalidInput."""
    told: Mapping[str, Any] = parameters.get("response_format", {"type": "text"})
    regex: str | None = parameters.get("regex")
    kind, schema = told["type"], told.get("json_schema")
    if (kind == "json_schema") != (schema is not None):
        expected = "required" if schema is None else f"absent where type is {kind}"
        raise InvalidInput({f"{_FORMAT}.json_schema": expected})
    if regex is not None:
        if kind != "text":
            raise InvalidInput({_REGEX: f"absent where response_format is {kind}"})
        return Form(regex=regex, field=_REGEX)
    if kind == "text":
        return Form()
    if schema is None:
        return Form(schema='{"type": "object"}', field=_FORMAT)
    text = json.dumps(schema["schema"])
    if len(text) > MOST_SCHEMA:
        raise InvalidInput({_PLACE: f"at most {MOST_SCHEMA} characters, not {len(text)}"})
    return Form(schema=text, field=_PLACE)

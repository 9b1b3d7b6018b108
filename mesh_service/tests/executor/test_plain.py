"""The quick check of parameters agrees with the real validator wherever it says yes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mesh_service.executor.plain import plain_check

KINDS = ("string", "object", "array", "boolean", "integer", "number", "null")
NAMES = st.sampled_from("abc")
PROPERTY = st.one_of(
    st.builds(lambda kind: {"type": kind, "description": "d"}, st.sampled_from(KINDS)),
    st.builds(
        lambda kind, least: {"type": kind, "minimum": least}, st.sampled_from(KINDS), st.just(3)
    ),
    st.just({"enum": [1]}),
    st.just({"type": ["string", "null"]}),
    st.just({"type": "string", "minLength": 2}),
    st.booleans(),
    st.just({}),
)
SCHEMAS = st.fixed_dictionaries(
    {"type": st.just("object"), "properties": st.dictionaries(NAMES, PROPERTY)},
    optional={
        "required": st.lists(NAMES, unique=True),
        "additionalProperties": st.sampled_from([True, False, {"type": "string"}]),
        "minProperties": st.just(2),
        "title": st.just("t"),
    },
)
VALUES = st.dictionaries(
    st.sampled_from("abcd"),
    st.sampled_from(["", "long", {}, {"x": 1}, [], [1], True, 1, 5, 1.0, 2.5, None]),
)


@given(SCHEMAS, VALUES)
def test_it_never_says_yes_where_the_schema_says_no(
    schema: dict[str, Any], value: dict[str, Any]
) -> None:
    assert not plain_check(schema)(value) or Draft202012Validator(schema).is_valid(value)


def test_what_executors_describe_is_answered_without_the_validator() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"code": {"type": "string"}, "inputs": {"type": "object"}},
        "required": ["code"],
        "additionalProperties": False,
    }
    check = plain_check(schema)
    assert check({"code": "", "inputs": {"x": [1]}})
    for wrong in ({}, {"code": 1}, {"code": "", "more": 1}, {"code": "", "inputs": []}):
        assert not check(wrong)


@pytest.mark.parametrize("schema", [True, {}, {"maxProperties": 0}, {"type": "object", "not": {}}])
def test_an_unusual_schema_is_left_to_the_validator(schema: Any) -> None:
    assert not plain_check(schema)({})

"""Descriptions that plugins should not give."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgemesh_executor_cpp.describe import BadDescription, algorithms

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"algorithms": 1}',
        '{"algorithms": [{}]}',
        '{"algorithms": [{"name": 1, "version": "1"}]}',
        '{"algorithms": [{"name": "a", "version": "1", "inputs": [{"name": "x", "dtypes": "f"}]}]}',
        '{"algorithms": [{"name": "a", "version": "1", "inputs": [{"name": "x", "shape": 1e9}]}]}',
    ],
)
def test_are_refused(text: str) -> None:
    with pytest.raises(BadDescription):
        algorithms(text)


@given(JSON, JSON, JSON)
def test_never_anything_else(one: object, two: object, three: object) -> None:
    described = {"name": "a", "version": "1", "inputs": one, "streams": two}
    for text in (json.dumps(one), json.dumps({"algorithms": [described | {"description": three}]})):
        with contextlib.suppress(BadDescription):
            algorithms(text)


def test_unknown_members_are_ignored() -> None:
    (one,) = algorithms('{"algorithms": [{"name": "a", "version": "1", "future": 1}], "x": 2}')
    assert (one.name, one.parameters_schema) == ("a", "")

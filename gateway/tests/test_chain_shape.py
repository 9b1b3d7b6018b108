"""The shape of chains, and what one step takes of another; nothing runs here."""

from __future__ import annotations

import json
from typing import Any

import pytest
from edgemesh.compute.v1 import chain_pb2

from edgemesh_gateway.chains import shape
from edgemesh_gateway.chains.giving import pointed

Step, OutputOf, ResultOf = chain_pb2.ChainStep, chain_pb2.OutputOf, chain_pb2.ResultOf


def step(name: str, *after: str, **fields: Any) -> chain_pb2.ChainStep:
    made = Step(name=name, after=after, **fields)
    made.job.request.algorithm = "cpp.fft"
    return made


def wrong(*steps: chain_pb2.ChainStep) -> dict[str, str]:
    return {each.field: each.expected for each in shape.violations(steps)}


def test_what_is_well_in_any_order() -> None:
    assert wrong(step("c", "a", "b"), step("b", "a"), step("a")) == {}
    assert wrong(*(step(f"s{n}", *(["s0"] if n else [])) for n in range(shape.MOST_STEPS))) == {}


def test_references_to_what_there_is_not() -> None:
    found = wrong(
        step("a", "b"),
        step(
            "c",
            inputs={"x": OutputOf(step="d", output="y"), "z": OutputOf(step="a")},
            parameters={"n": ResultOf(step="", pointer="scores")},
        ),
    )
    assert set(found) == {
        *("steps[0].after[0]", "steps[1].inputs.x.step", "steps[1].inputs.z.output"),
        *("steps[1].parameters.n.step", "steps[1].parameters.n.pointer"),
    }
    assert "'b'" in found["steps[0].after[0]"]


def test_circles() -> None:
    assert set(wrong(step("a", "a"))) == {"steps[0]"}
    found = wrong(step("x"), step("a", "c"), step("b", "a"), step("c", "b"))
    assert set(found) == {"steps[1]"}
    assert "no circle: " in found["steps[1]"]


def test_too_many_and_too_deep() -> None:
    assert set(wrong()) == {"steps"}
    many = [step(f"s{number}") for number in range(shape.MOST_STEPS + 1)]
    assert set(wrong(*many)) == {"steps"}
    assert set(wrong(step("a"), step("b", *["a"] * 50_000))) == {"steps[1]"}
    row = [step("s0")] + [step(f"s{n}", f"s{n - 1}") for n in range(1, shape.MOST_DEPTH + 1)]
    assert wrong(*row[:-1]) == {}
    assert set(wrong(*row)) == {f"steps[{shape.MOST_DEPTH}]"}


def test_names_and_jobs() -> None:
    named = step("c")
    named.job.request_id = "r"
    found = wrong(step("a"), step("a"), step("a b"), Step(name="b"), named)
    assert set(found) == {
        *("steps[1].name", "steps[2].name", "steps[3].job", "steps[4].job.request_id"),
    }


def test_what_a_step_needs_is_kept() -> None:
    made = step("c", "b", inputs={"x": OutputOf(step="a", output="y")})
    assert json.loads(shape.needs(made)) == {
        "after": ["a", "b"],
        "inputs": {"x": ["a", "y"]},
        "parameters": {},
    }
    assert shape.needs(step("a")) == ""


@pytest.mark.parametrize(
    ("pointer", "value"),
    [("", {"a": [1, {"b/c": 2, "~": 3}]}), ("/a/0", 1), ("/a/1/b~1c", 2), ("/a/1/~0", 3)],
)
def test_pointers(pointer: str, value: Any) -> None:
    assert pointed({"a": [1, {"b/c": 2, "~": 3}]}, pointer) == value


@pytest.mark.parametrize("pointer", ["/b", "/a/2", "/a/-", "/a/00", "/a/0/x", "/a/99999999999999"])
def test_pointers_into_nothing(pointer: str) -> None:
    with pytest.raises(LookupError):
        pointed({"a": [1, {"b": 2}]}, pointer)

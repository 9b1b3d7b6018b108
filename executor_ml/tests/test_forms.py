"""Texts of a given form, by SmolLM2."""

from __future__ import annotations

import contextlib
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema
import pytest
from conftest import Pool, Runners
from edgemesh.compute.v1 import compute_pb2

from edgemesh_candle import ConstraintError, Generator
from mesh_service.executor import InvalidInput

PERSON = {
    "type": "object",
    "required": ["name", "age", "tags"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "tags": {"type": "array", "items": {"enum": ["tall", "old", "kind"]}, "maxItems": 3},
    },
}
SCHEMAS: dict[str, Any] = {
    "person": PERSON,
    "choice": {"enum": ["yes", "no", "perhaps"]},
    "number": {"type": "integer", "minimum": -2000, "maximum": 20},
    "nullable": {"type": ["boolean", "null"]},
    "either": {"anyOf": [{"type": "integer", "maximum": 9}, {"const": {"none": True}}]},
    "refers": {
        "$defs": {
            "point": {"type": "array", "items": {"$ref": "#/$defs/digit"}, "maxItems": 2},
            "digit": {"type": "integer", "minimum": 0, "maximum": 9},
        },
        "type": "object",
        "required": ["a", "b"],
        "additionalProperties": False,
        "properties": {"a": {"$ref": "#/$defs/point"}, "b": {"$ref": "#/$defs/point"}},
    },
    "date": {"type": "string", "format": "date"},
    "letters": {"type": "string", "pattern": "^[a-c]{2,5}$"},
}
MESSAGES = [{"role": "user", "content": "Describe a person called Ünal in JSON."}]


def of(schema: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "it", "schema": schema}}


def generate(runner: Runners, **parameters: Any) -> dict[str, Any]:
    call = Pool().call("ml.generate", **({"messages": MESSAGES, "max_tokens": 160} | parameters))
    reply = runner.run(call)
    assert reply.outcome == compute_pb2.OUTCOME_OK
    return reply.result


@pytest.mark.parametrize("temperature", [0, 1.5])
@pytest.mark.parametrize("name", SCHEMAS)
def test_texts_are_json_that_the_schema_describes(
    runner: Runners, name: str, temperature: float
) -> None:
    form = of(SCHEMAS[name])
    for seed in range(1 if temperature == 0 else 3):
        result = generate(runner, response_format=form, temperature=temperature, seed=seed)
        assert result["finish_reason"] == "stop", result["text"]
        jsonschema.validate(json.loads(result["text"]), SCHEMAS[name])


def test_any_object_is_one(runner: Runners) -> None:
    form = {"type": "json_object"}
    for seed in range(3):
        text = generate(runner, response_format=form, temperature=0.7, seed=seed)["text"]
        assert text.startswith("{")
    whole = generate(runner, response_format=form, prompt="An object:", messages=None)
    if whole["finish_reason"] == "stop":
        assert isinstance(json.loads(whole["text"]), dict)


@pytest.mark.parametrize(
    "regex",
    [r"(yes|no)", r"[0-9]{4}-[0-9]{2}", r"(red|green)(, (red|green)){1,3}\.", r"[^a-z]{5}ü{3}"],
)
def test_texts_match_the_regex(runner: Runners, regex: str) -> None:
    for temperature in (0, 1.0):
        result = generate(runner, regex=regex, temperature=temperature, seed=1)
        assert result["finish_reason"] == "stop"
        assert re.fullmatch(regex, result["text"])


def test_a_chat_has_it_too_and_streams_what_it_returns(runner: Runners, pool: Pool) -> None:
    call = pool.call("ml.chat", messages=MESSAGES, max_tokens=160, response_format=of(PERSON))
    message = runner.run(call).result["choices"][0]["message"]["content"]
    jsonschema.validate(json.loads(message), PERSON)
    assert pool.text == message


def test_log_probabilities_stay_the_models_own(runner: Runners) -> None:
    result = generate(runner, regex="zz", logprobs=True, top_logprobs=1)
    assert result["text"] == "zz"
    for each in result["logprobs"]:
        assert each["logprob"] < each["top_logprobs"][0]["logprob"] <= 0


def test_a_limit_cuts_it(runner: Runners) -> None:
    result = generate(runner, regex="[a-z]{200}", max_tokens=3)
    assert (result["finish_reason"], result["completion_tokens"]) == ("length", 3)


def test_each_of_sixty_four_texts_has_its_own(runner: Runners) -> None:
    def one(i: int) -> str:
        regex = f"n{i}: (one|two|three) [a-z]{{3}}" if i % 2 else None
        form = of({"const": {"n": i}}) if i % 4 == 0 else {"type": "text"}
        more = {} if regex is None else {"regex": regex}
        prompt = {"prompt": f"Number {i}:", "messages": None, "max_tokens": 24}
        return generate(runner, **prompt, response_format=form, **more)["text"]

    alone = {i: one(i) for i in (0, 1, 2, 3)}
    with ThreadPoolExecutor(64) as threads:
        texts = list(threads.map(one, range(64)))
    assert {i: texts[i] for i in alone} == alone
    for i, text in enumerate(texts):
        if i % 2:
            assert re.fullmatch(rf"n{i}: (one|two|three) [a-z]{{3}}", text)
        elif i % 4 == 0:
            assert json.loads(text) == {"n": i}


def schema_with(age: Any) -> dict[str, Any]:
    return PERSON | {"properties": PERSON["properties"] | {"age": age}}


PLACE = "parameters.response_format.json_schema.schema"


@pytest.mark.parametrize(
    ("given", "field", "expected"),
    [
        (
            {"response_format": of(schema_with({"type": "array", "uniqueItems": True}))},
            f"{PLACE}.properties.age",
            "uniqueItems",
        ),
        (
            {"response_format": of(schema_with({"type": "integer", "minimum": 3, "maximum": 2}))},
            f"{PLACE}.properties.age",
            "minimum",
        ),
        (
            {"response_format": of({"anyOf": [{"type": "integer"}, {"not": {}}]})},
            f"{PLACE}.anyOf[1]",
            "not",
        ),
        (
            {"response_format": of({"type": "string", "pattern": "(?=a)b"})},
            PLACE,
            "look",
        ),
        ({"response_format": of(False)}, PLACE, ""),
        ({"response_format": of({"type": "thing"})}, PLACE, "thing"),
        ({"response_format": of({"$ref": "http://example.org/a"})}, PLACE, ""),
        ({"response_format": {"type": "json_schema"}}, f"{PLACE[:-7]}", "required"),
        (
            {"response_format": {"type": "json_object"}, "regex": "a"},
            "parameters.regex",
            "absent where response_format is json_object",
        ),
        ({"regex": "(a"}, "parameters.regex", "unclosed"),
        ({"regex": "\ud800"}, "parameters.regex", "no unpaired surrogates"),
        ({"regex": r"(a)\1"}, "parameters.regex", "backreference"),
    ],
)
def test_a_form_that_cannot_be_is_refused_with_its_place(
    runner: Runners, given: dict[str, Any], field: str, expected: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        generate(runner, **given)
    assert list(caught.value.violations) == [field]
    assert expected in caught.value.violations[field]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "(a{1,500}){1,500}(b{1,500}){1,500}"},
        {"type": "object", "properties": {str(i): {"type": "string"} for i in range(3000)}},
        {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
    ],
)
def test_a_hostile_schema_costs_little(generator: Generator, schema: Any) -> None:
    began = time.process_time()
    with contextlib.suppress(ConstraintError):
        generation = generator.start("a", max_tokens=2, schema=json.dumps(schema))
        while generation.next() is not None:
            pass
    assert time.process_time() - began < 60  # some 3 s, where it is not minutes

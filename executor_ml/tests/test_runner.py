"""What a worker describes, and that its results are that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Pool, Runners
from jsonschema import Draft202012Validator
from made import bert, described, put

from edgemesh_executor_ml.manifest import BadModel, load


def test_what_is_offered_is_described(runner: Runners) -> None:
    embed, *others = described = runner.describe()
    assert [(each.name, each.streams) for each in described] == [
        ("ml.embed", False),
        ("ml.generate", True),
        ("ml.chat", True),
        ("ml.tensor", False),
    ]
    for algorithm in (embed, *others[:-1]):
        for text in (algorithm.parameters_schema, algorithm.result_schema):
            Draft202012Validator.check_schema(json.loads(text))
    names = json.loads(embed.parameters_schema)["properties"]["model"]["enum"]
    assert names == ["all-minilm-l6-v2"]


def test_results_are_what_was_described(runner: Runners) -> None:
    calls: tuple[dict[str, Any], ...] = (
        {"texts": ["a"]},
        {"prompt": "a", "max_tokens": 1, "logprobs": True},
        {"messages": [{"role": "user", "content": "a"}], "max_tokens": 1, "logprobs": True},
    )
    for algorithm, parameters in zip(runner.describe()[:-1], calls, strict=True):
        Draft202012Validator(json.loads(algorithm.parameters_schema)).validate(parameters)
        reply = runner.run(Pool().call(algorithm.name, **parameters))
        Draft202012Validator(json.loads(algorithm.result_schema)).validate(reply.result)


@pytest.mark.parametrize(
    "bad",
    [
        {"texts": []},
        {"texts": [1]},
        {"texts": "a"},
        {"texts": ["a"] * 1025},
        {"texts": ["a"], "model": "none"},
        {"texts": ["a"], "extra": 1},
        {},
    ],
)
def test_the_schema_refuses(runner: Runners, bad: dict[str, Any]) -> None:
    schema = json.loads(runner.describe()[0].parameters_schema)
    assert not Draft202012Validator(schema).is_valid(bad)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"files": [{"path": "/etc/passwd", "bytes": 1, "sha256": ""}]}, "leaves the folder"),
        ({"files": [{"path": "../x", "bytes": 1, "sha256": ""}]}, "leaves the folder"),
        ({"files": 3}, "model.json"),
        ({"files": [{"path": "config.json"}]}, "'bytes' is missing"),
        ({"files": [{"path": "x", "bytes": 1, "sha256": ""}]}, "x is missing, expected 1"),
    ],
)
def test_a_manifest_is_not_trusted(
    tmp_path: Path, changes: dict[str, object], problem: str
) -> None:
    folder = put(tmp_path / "model", described(bert(), **changes))
    with pytest.raises(BadModel) as caught:
        load(folder)
    assert problem in caught.value.problem

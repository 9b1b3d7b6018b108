"""What an embedder's texts begin with, and how long they may be."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from conftest import Pool
from made import bert, put

from edgemesh_executor_ml import prompts
from edgemesh_executor_ml.derive import derive
from edgemesh_executor_ml.manifest import Unusable
from edgemesh_executor_ml.runner import MlRunner
from mesh_service.executor import InvalidInput


def opened(folder: Path, **told: Any) -> MlRunner:
    put(folder, bert() | {prompts.FILE_NAME: json.dumps(told).encode()})
    manifest = derive(folder)
    assert prompts.FILE_NAME in {file.path for file in manifest.files}
    return MlRunner({"folder": str(folder), "manifest": asdict(manifest)})


def vector(runner: MlRunner, text: str, **parameters: Any) -> bytes:
    reply = runner.run(Pool().call("ml.embed", texts=[text], **parameters))
    return bytes(reply.outputs["embeddings"].data)


def test_prompts_come_before_texts(tmp_path: Path) -> None:
    told = {"query": "warm ", "passage": "up "}
    runner = opened(tmp_path / "a", prompts=told)
    assert vector(runner, "one", prompt_name="query") == vector(runner, "warm one")
    assert vector(runner, "one", prompt="up ") == vector(runner, "one", prompt_name="passage")
    assert vector(runner, "one", prompt="") == vector(runner, "one") != vector(runner, "up one")
    with_default = opened(tmp_path / "b", prompts=told, default_prompt_name="passage")
    assert vector(with_default, "one") == vector(runner, "up one")
    assert vector(with_default, "one", prompt="") == vector(runner, "one")


@pytest.mark.parametrize(
    ("given", "field", "expected"),
    [
        ({"prompt_name": "qeury"}, "parameters.prompt_name", "one of the model's: passage, query"),
        (
            {"prompt_name": "query", "prompt": "up"},
            "parameters.prompt",
            "absent where prompt_name is given",
        ),
    ],
)
def test_a_prompt_that_there_is_not_is_named(
    tmp_path: Path, given: dict[str, str], field: str, expected: str
) -> None:
    runner = opened(tmp_path / "a", prompts={"query": "", "passage": ""})
    with pytest.raises(InvalidInput) as caught:
        vector(runner, "one", **given)
    assert caught.value.violations == {field: expected}


@pytest.mark.parametrize(
    "told",
    [
        b"[]",
        b"{",
        b'{"prompts": {"a": 1}}',
        b'{"prompts": {"a": ""}, "default_prompt_name": "b"}',
        b'{"prompts": {"a": ""}, "default_prompt_name": ["b"]}',
    ],
)
def test_a_file_of_prompts_that_is_none_is_refused(tmp_path: Path, told: bytes) -> None:
    (tmp_path / prompts.FILE_NAME).write_bytes(told)
    with pytest.raises(Unusable, match=prompts.FILE_NAME):
        prompts.read(tmp_path)


def test_a_long_text_is_refused_where_nothing_may_be_cut(tmp_path: Path) -> None:
    runner = opened(tmp_path / "a")
    whole = "one " * 14
    assert vector(runner, whole, truncate=False) == vector(runner, whole + "two")
    call = Pool().call("ml.embed", texts=["one", whole + "two"], truncate=False)
    with pytest.raises(InvalidInput) as caught:
        runner.run(call)
    assert caught.value.violations == {"parameters.texts[1]": "at most 16 tokens, not 17"}

"""Which models of a folder are offered."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import Pool
from jsonschema import Draft202012Validator

from edgemesh_executor_ml.catalog import Catalog, NoModels
from edgemesh_executor_ml.manifest import BadModel, load
from edgemesh_executor_ml.runner import MlRunner
from mesh_service.executor import AlgorithmFailure


@pytest.fixture
def folder(models: Path, tmp_path: Path) -> Path:
    """A folder of models that a test may damage: manifests copied, weights shared."""
    for model in ("all-minilm-l6-v2", "smollm2-135m-instruct"):
        target = tmp_path / "models" / model
        shutil.copytree(models / model, target, copy_function=lambda a, b: Path(b).symlink_to(a))
        manifest = target / "model.json"
        manifest.unlink()
        shutil.copy(models / model / "model.json", manifest)
    return tmp_path / "models"


def edit(manifest: Path, **changes: object) -> None:
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | changes))


def test_what_is_offered_is_described(runner: MlRunner) -> None:
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


def test_results_are_what_was_described(runner: MlRunner) -> None:
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
def test_the_schema_refuses(runner: MlRunner, bad: dict[str, Any]) -> None:
    schema = json.loads(runner.describe()[0].parameters_schema)
    assert not Draft202012Validator(schema).is_valid(bad)


def test_a_half_copied_model_is_not_offered(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    weights = folder / "all-minilm-l6-v2" / "model.safetensors"
    whole = weights.read_bytes()
    weights.unlink()
    weights.write_bytes(whole[:1000])
    catalog = Catalog(folder)
    assert (catalog.embedders.names, catalog.generators.names) == ([], ["smollm2-135m-instruct"])
    assert "model.safetensors has 1000 bytes, expected 90868376" in caplog.text
    weights.unlink()
    with pytest.raises(BadModel, match=r"model.safetensors is missing"):
        load(folder / "all-minilm-l6-v2")


def test_a_model_that_cannot_be_loaded_takes_no_other_along(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = folder / "a-broken-one"
    shutil.copytree(folder / "all-minilm-l6-v2", broken, symlinks=True)
    (broken / "config.json").unlink()
    (broken / "config.json").write_text("{}")
    manifest = json.loads((broken / "model.json").read_text())
    manifest["files"][0]["bytes"] = 2
    edit(broken / "model.json", name="a-broken-one", files=manifest["files"])
    catalog = Catalog(folder)
    assert catalog.embedders.names == ["all-minilm-l6-v2"]
    assert "config.json: missing field" in caplog.text
    catalog.close()


def test_a_model_that_fails_at_its_first_use_fails_that_call(folder: Path, pool: Pool) -> None:
    broken = folder / "z-broken-one"
    shutil.copytree(folder / "all-minilm-l6-v2", broken, symlinks=True)
    (broken / "tokenizer.json").unlink()
    (broken / "tokenizer.json").write_text("{}")
    files = json.loads((broken / "model.json").read_text())["files"]
    next(file for file in files if file["path"] == "tokenizer.json")["bytes"] = 2
    edit(broken / "model.json", name="z-broken-one", files=files)
    runner = MlRunner({"models": str(folder)})
    with pytest.raises(AlgorithmFailure) as caught:
        runner.run(pool.call("ml.embed", texts=["a"], model="z-broken-one"))
    assert caught.value.type == "ModelError"
    assert runner.run(pool.call("ml.embed", texts=["a"])).result["model"] == "all-minilm-l6-v2"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"task": "paint"}, "paint by bert is not supported"),
        ({"family": "t5"}, "embed by t5 is not supported"),
        ({"files": [{"path": "/etc/passwd", "bytes": 1, "sha256": ""}]}, "leaves the folder"),
        ({"files": [{"path": "../x", "bytes": 1, "sha256": ""}]}, "leaves the folder"),
        ({"files": 3}, "model.json"),
    ],
)
def test_a_manifest_is_not_trusted(
    folder: Path, caplog: pytest.LogCaptureFixture, changes: dict[str, object], problem: str
) -> None:
    edit(folder / "all-minilm-l6-v2" / "model.json", **changes)
    assert Catalog(folder).embedders.names == []
    assert problem in caplog.text


def test_of_two_models_of_a_name_the_first_is_offered(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(folder / "all-minilm-l6-v2", folder / "copy", symlinks=True)
    assert Catalog(folder).embedders.names == ["all-minilm-l6-v2"]
    assert "copy: all-minilm-l6-v2 lies in another folder already" in caplog.text


def test_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / ".fetching-1").mkdir()
    (tmp_path / ".fetching-1" / "model.json").write_text("{}")
    with pytest.raises(NoModels, match=r"it is empty; `python -m edgemesh_executor_ml.fetch`"):
        Catalog(tmp_path)

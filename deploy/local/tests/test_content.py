"""Content keys see bytes and names, and nothing else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from edgemesh_local.content import NoSuchInput, digest, files, key


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "inner").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "inner" / "b.txt").write_text("b")
    return folder


def test_place_and_time_do_not_matter(tree: Path, tmp_path: Path) -> None:
    before = digest(tree, ["**/*.txt"])
    os.utime(tree / "a.txt", (1, 1))
    shutil.copytree(tree, tmp_path / "elsewhere")
    assert digest(tree, ["**/*.txt"]) == digest(tmp_path / "elsewhere", ["**/*.txt"]) == before


def test_bytes_and_names_matter(tree: Path) -> None:
    seen = {digest(tree, ["**/*.txt"])}
    (tree / "a.txt").write_text("A")
    seen.add(digest(tree, ["**/*.txt"]))
    (tree / "a.txt").rename(tree / "c.txt")
    seen.add(digest(tree, ["**/*.txt"]))
    (tree / "d.txt").write_text("")
    seen.add(digest(tree, ["**/*.txt"]))
    assert len(seen) == 4


def test_a_name_is_not_taken_for_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, name, body in ((first, "ab", "c"), (second, "a", "bc")):
        folder.mkdir()
        (folder / name).write_text(body)
    assert digest(first, ["*"]) != digest(second, ["*"])


def test_build_output_does_not_matter(tmp_path: Path) -> None:
    tree = tmp_path / "build" / "tree"  # a checkout may lie anywhere
    (tree / "build").mkdir(parents=True)
    (tree / "a.txt").write_text("a")
    (tree / "build" / "b.txt").write_text("b")
    assert files(tree, ["**/*.txt"]) == [tree / "a.txt"]


def test_a_pattern_without_files_is_refused(tree: Path) -> None:
    with pytest.raises(NoSuchInput) as caught:
        digest(tree, ["*.txt", "*.rs"])
    assert caught.value.pattern == "*.rs"


def test_caches_are_no_content(tree: Path) -> None:
    (tree / "__pycache__").mkdir()
    (tree / "__pycache__" / "c.txt").write_text("c")
    assert [path.name for path in files(tree, ["**/*.txt"])] == ["a.txt", "b.txt"]


def test_keys_name_their_parts() -> None:
    assert key(a="1", b="2") == key(b="2", a="1")
    assert key(a="12", b="") != key(a="1", b="2")

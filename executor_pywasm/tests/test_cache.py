from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgemesh_sandbox.cache import discard, find, publish, sweep
from edgemesh_sandbox.errors import ArtifactError


def make(folder: Path, content: bytes = b"native code") -> Path:
    def write(draft: Path) -> dict[str, int]:
        (draft / "a.bin").write_bytes(content)
        (draft / "b.bin").write_bytes(b"more")
        return {"answer": 42}

    publish(folder, write)
    return folder


def test_what_was_published_is_found_with_its_facts(tmp_path: Path) -> None:
    found = find(make(tmp_path / "x"))
    assert found.facts == {"answer": 42}
    assert found.path("a.bin").read_bytes() == b"native code"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_byte_that_changed_is_seen_although_size_and_time_are_the_same(tmp_path: Path) -> None:
    file = make(tmp_path / "x") / "a.bin"
    before = file.stat()
    with file.open("r+b") as f:
        f.write(b"N")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(ArtifactError, match="SHA-256"):
        find(tmp_path / "x")


def test_a_file_that_was_cut_off_is_seen(tmp_path: Path) -> None:
    os.truncate(make(tmp_path / "x") / "a.bin", 5)
    with pytest.raises(ArtifactError, match="size"):
        find(tmp_path / "x")


def test_a_file_that_is_gone_is_seen(tmp_path: Path) -> None:
    (make(tmp_path / "x") / "b.bin").unlink()
    with pytest.raises(ArtifactError, match="not there"):
        find(tmp_path / "x")


@pytest.mark.parametrize("text", ["", "[]", '{"format": 0}', '{"format": 1}', "{"])
def test_a_manifest_that_makes_no_sense_is_refused(tmp_path: Path, text: str) -> None:
    (make(tmp_path / "x") / "manifest.json").write_text(text)
    with pytest.raises(ArtifactError, match="manifest"):
        find(tmp_path / "x")


def test_a_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    make(tmp_path / "x").chmod(0o777)
    with pytest.raises(ArtifactError, match="others may write"):
        find(tmp_path / "x")


def test_a_copy_is_checked_and_then_known(tmp_path: Path) -> None:
    folder = make(tmp_path / "x")
    (folder / "verified.json").unlink()
    find(folder)
    assert (folder / "verified.json").exists()
    assert find(folder).facts == {"answer": 42}


def test_publishing_again_replaces(tmp_path: Path) -> None:
    make(tmp_path / "x")
    assert find(make(tmp_path / "x", b"other")).path("a.bin").read_bytes() == b"other"


def test_a_maker_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def write(draft: Path) -> None:
        (draft / "half").write_bytes(b"x")
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        publish(tmp_path / "x", write)
    assert not list(tmp_path.iterdir())


def test_what_was_discarded_is_not_found(tmp_path: Path) -> None:
    discard(make(tmp_path / "x"))
    discard(tmp_path / "x")
    with pytest.raises(ArtifactError, match="not there"):
        find(tmp_path / "x")


def test_a_sweep_keeps_the_newest_and_removes_drafts(tmp_path: Path) -> None:
    for n, name in enumerate(("base-1", "base-2", "base-3", "code-1")):
        os.utime(make(tmp_path / name), (n, n))
    (tmp_path / ".base-4.0123abcd").mkdir()
    sweep(tmp_path, {"base": 2})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["base-2", "base-3", "code-1"]

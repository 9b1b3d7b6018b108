from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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


@pytest.mark.skipif(os.geteuid() != 0, reason="root puts it there")
def test_what_root_put_there_is_not_hashed_by_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make(tmp_path / "x")
    (folder / "verified.json").unlink()
    (folder / "a.bin").write_bytes(b"Native code")  # a hash would find it out
    monkeypatch.setattr(os, "geteuid", lambda: 65532)
    assert find(folder).facts == {"answer": 42}
    assert not (folder / "verified.json").exists()
    folder.chmod(0o777)
    with pytest.raises(ArtifactError, match="others may write"):
        find(folder)


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


SHA = "0" * 64


@pytest.mark.parametrize(
    "files",
    [
        [],
        ["a.bin"],
        {"a.bin": None},
        {"a.bin": {}},
        {"a.bin": {"size": "11", "sha256": 5}},
        {"a.bin": {"size": True, "sha256": SHA}},
        {"../x/a.bin": {"size": 11, "sha256": SHA}},
        {"/etc/passwd": {"size": 11, "sha256": SHA}},
        {"": {"size": 11, "sha256": SHA}},
        {"..": {"size": 11, "sha256": SHA}},
        {"a\0b": {"size": 11, "sha256": SHA}},
        {"x" * 5000: {"size": 11, "sha256": SHA}},
    ],
)
def test_a_manifest_whose_files_make_no_sense_is_refused(tmp_path: Path, files: object) -> None:
    folder = make(tmp_path / "x")
    (folder / "manifest.json").write_text(json.dumps({"format": 1, "files": files, "facts": {}}))
    with pytest.raises(ArtifactError):
        find(folder)


@pytest.mark.parametrize("facts", [[], 5, "text"])
def test_a_manifest_whose_facts_make_no_sense_is_refused(tmp_path: Path, facts: object) -> None:
    folder = make(tmp_path / "x")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "facts": facts}))
    with pytest.raises(ArtifactError, match="facts"):
        find(folder)


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000])
@pytest.mark.parametrize("name", ["manifest.json", "verified.json"])
def test_a_deep_manifest_is_refused_and_a_deep_stamp_not_believed(
    tmp_path: Path, name: str, text: str
) -> None:
    folder = make(tmp_path / "x")
    (folder / name).write_text(text)
    if name == "manifest.json":
        with pytest.raises(ArtifactError, match="manifest"):
            find(folder)
    else:
        assert find(folder).facts == {"answer": 42}


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from(("a.bin", "b.bin", "manifest.json", "verified.json")),
    change=st.sampled_from(("flip", "cut", "insert", "replace")),
    place=st.integers(0, 400),
    data=st.binary(min_size=1, max_size=12),
)
def test_an_artefact_changed_anywhere_is_refused_or_still_what_it_was(
    tmp_path: Path, name: str, change: str, place: int, data: bytes
) -> None:
    folder = make(tmp_path / "x")
    content = bytearray((folder / name).read_bytes())
    at = place % len(content)
    if change == "flip":
        content[at] ^= data[0] or 1
    elif change == "cut":
        del content[at : at + len(data)]
    elif change == "insert":
        content[at:at] = data
    else:
        content[at : at + len(data)] = data
    (folder / name).write_bytes(content)
    try:
        found = find(folder)
    except ArtifactError:
        return
    assert found.path("a.bin").read_bytes() == b"native code"
    assert found.path("b.bin").read_bytes() == b"more"

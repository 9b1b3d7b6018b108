"""Cargo must see the sources of this checkout, however old their times are."""

from __future__ import annotations

import os
from pathlib import Path

from edgemesh_local.cargo_target import claim


def crate(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    for name in ("lib.rs", "Cargo.toml", "Cargo.lock"):
        (folder / name).write_text(text)
        os.utime(folder / name, (1, 1))
    return folder


def test_sources_are_touched_when_the_folder_was_used_for_others(tmp_path: Path) -> None:
    target = tmp_path / "target"
    first, second = crate(tmp_path / "1" / "part", "a"), crate(tmp_path / "2" / "part", "a")
    assert claim(target, first)
    assert not claim(target, first)
    assert claim(target, second)
    assert (second / "lib.rs").stat().st_mtime > 1
    assert claim(target, first)


def test_crates_of_another_part_are_not_in_the_way(tmp_path: Path) -> None:
    target = tmp_path / "target"
    one, other = crate(tmp_path / "one", "a"), crate(tmp_path / "other", "a")
    assert claim(target, one)
    assert claim(target, other)
    assert not claim(target, one)


def test_sources_put_back_with_old_times_are_touched(tmp_path: Path) -> None:
    folder = crate(tmp_path / "crate", "a")
    claim(tmp_path / "target", folder)
    (folder / "lib.rs").write_text("b")
    os.utime(folder / "lib.rs", (1, 1))
    assert claim(tmp_path / "target", folder)
    assert (folder / "lib.rs").stat().st_mtime > 1

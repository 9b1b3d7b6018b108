"""Notices: what they follow from, and that they are of what is locked."""

from __future__ import annotations

from pathlib import Path

import pytest
from edgemesh_release import notices
from edgemesh_release.failure import ReleaseError
from edgemesh_release.part import Part

HOUSE = Path(__file__).parents[3]


def test_the_houses_are_of_what_is_locked_now() -> None:
    assert notices.stale(HOUSE) == []


def test_images_and_crates_are_read_from_the_dockerfiles() -> None:
    assert notices.images(HOUSE)["gateway"] == "gateway"
    assert notices.crates_of(HOUSE)["ml"] == "executor_ml/crate"


def test_a_changed_lock_is_named(tmp_path: Path) -> None:
    for name, text in {
        "deploy/docker/a.Dockerfile": "COPY a/requirements.lock /locks/\n",
        "a/requirements.lock": "x==1\n",
        "deploy/release/native.toml": "",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with pytest.raises(ReleaseError, match=r"there is no THIRD-PARTY\.md"):
        notices.stale(tmp_path)
    (tmp_path / notices.PAGE).write_text("")
    assert notices.stale(tmp_path) == ["a/requirements.lock", "deploy/release/native.toml"]


def test_each_text_is_there_once_with_all_that_it_is_of() -> None:
    parts = [
        Part("a", "1", "MIT", ("The text\nof a",)),
        Part("b", "2", "MIT", ("The text of a\n", "Another")),
    ]
    page = notices.texts("crate", parts)
    assert page.count("The text") == 1
    assert "a 1, b 2" in page
    assert "b 2: MIT" in page
    with pytest.raises(ReleaseError, match="crate: c 3 says no licence"):
        notices.texts("crate", [Part("c", "3", "see its text")])


@pytest.mark.parametrize("folder", ["gateway/datapath", "executor_ml/crate"])
def test_every_crate_has_a_licence_that_may_be_shipped(folder: str) -> None:
    text = (HOUSE / folder / notices.TEXTS).read_text()
    head = text.split("=" * 40)[0].splitlines()[2:]
    licences = {line.partition(": ")[2] for line in head if line}
    strong = {each for each in licences if "GPL" in each and " OR " not in each}
    assert licences
    assert not strong

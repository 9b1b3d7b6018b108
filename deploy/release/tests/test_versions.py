"""One version everywhere: found, held together, written anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from edgemesh_release import versions
from edgemesh_release.failure import ReleaseError

HOUSE = Path(__file__).parents[3]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A house of a few packages."""
    for name, text in {
        "pyproject.toml": '[tool.ruff]\nversion_unknown = "9"\n',
        "a/pyproject.toml": '[project]\nname = "a"\nversion = "1.2.3"\n',
        "a/crate/Cargo.toml": (
            '[package]\nname = "edgemesh_a"\nversion = "1.2.3"\n\n[x]\nversion = "9"\n'
        ),
        "a/crate/Cargo.lock": (
            '[[package]]\nname = "edgemesh_a"\nversion = "1.2.3"\n\n'
            '[[package]]\nname = "other"\nversion = "9.9.9"\n'
        ),
        "a/.venv/pyproject.toml": '[project]\nversion = "9.9.9"\n',
        "clients/ts/package.json": '{\n  "name": "ts",\n  "version": "1.2.3"\n}\n',
        "deploy/kubernetes/e/Chart.yaml": 'version: 1.2.3\nappVersion: "1.2.3"\n',
        "deploy/docker/a.Dockerfile": "FROM x\nARG VERSION=1.2.3\nARG COMMIT=unknown\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_the_house_has_one_version() -> None:
    version = versions.one(HOUSE)
    places = {each.file for each in versions.found(HOUSE)}
    assert {"clients/python/pyproject.toml", "gateway/datapath/Cargo.toml"} <= places
    assert {each.version for each in versions.found(HOUSE)} == {version}


def test_every_place_is_found_and_nothing_else(small: Path) -> None:
    assert versions.one(small) == "1.2.3"
    assert sum(1 for _ in versions.found(small)) == 7


def test_one_that_differs_is_named(small: Path) -> None:
    path = small / "deploy/docker/a.Dockerfile"
    path.write_text(path.read_text().replace("1.2.3", "1.2.4"))
    with pytest.raises(ReleaseError, match=r"deploy/docker/a\.Dockerfile:2: 1\.2\.4"):
        versions.one(small)


def test_another_is_written_as_each_kind_of_file_spells_it(small: Path) -> None:
    versions.write(small, "2.0.0.dev5")
    assert 'version = "2.0.0.dev5"' in (small / "a/pyproject.toml").read_text()
    lock = (small / "a/crate/Cargo.lock").read_text()
    assert 'version = "2.0.0-dev.5"' in lock
    assert '"9.9.9"' in lock
    assert 'appVersion: "2.0.0-dev.5"' in (small / "deploy/kubernetes/e/Chart.yaml").read_text()
    versions.write(small, "2.0.0")
    assert versions.one(small) == "2.0.0"

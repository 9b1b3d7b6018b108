"""Tags, the changelog's section, and the copy that is built."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from edgemesh_release import changelog
from edgemesh_release.build import packages
from edgemesh_release.failure import ReleaseError
from edgemesh_release.staging import stage
from edgemesh_release.tag import version_of

CHANGELOG = (
    "# Changelog\n\n## Unreleased\n\n- next\n\n## 0.2.0 (2026-11-29)\n\n- this\n\n## 0.1.0\n"
)


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "-C", str(folder), *identity, *words], check=True, capture_output=True)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A repository of two packages: one takes a folder of the other along."""
    root = tmp_path / "house"
    for name, text in {
        "LICENSE": "licence\n",
        "protos/pyproject.toml": '[build-system]\nbuild-backend = "hatchling.build"\n\n'
        '[project]\nname = "edgemesh-protos"\nversion = "0.2.0"\n',
        "protos/edgemesh/stub.py": "",
        "client/pyproject.toml": '[build-system]\nbuild-backend = "hatchling.build"\n\n'
        '[project]\nname = "edgemesh-client"\nversion = "0.2.0"\n'
        'dependencies = ["edgemesh-protos", "grpcio>=1"]\n\n'
        '[tool.hatch.build.targets.wheel.force-include]\n"../protos/edgemesh" = "edgemesh"\n',
        ".gitignore": "ignored.py\n",
        "client/ignored.py": "",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(root.parent, "init", "-q", str(root))
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    return root


def test_a_tag_makes_the_version(house: Path) -> None:
    assert version_of(house, "0.2.0") == "0.2.0.dev1"
    git(house, "tag", "v0.2.0")
    assert version_of(house, "0.2.0") == "0.2.0"
    with pytest.raises(ReleaseError, match=r"HEAD is tagged v0\.2\.0, and the sources say 0\.3\.0"):
        version_of(house, "0.3.0")
    (house / "LICENSE").write_text("another\n")
    with pytest.raises(ReleaseError, match=r"changed since:\n.*LICENSE"):
        version_of(house, "0.2.0")


def test_the_copy_is_whole_and_pinned(house: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    stage(house, copy, "0.2.0.dev1")
    client = (copy / "client/pyproject.toml").read_text()
    assert '"edgemesh-protos==0.2.0.dev1", "grpcio>=1"' in client
    assert '"brought/files/edgemesh" = "edgemesh"' in client
    assert (copy / "client/brought/files/edgemesh/stub.py").exists()
    assert (copy / "client/LICENSE").read_text() == "licence\n"
    assert not (copy / "client/ignored.py").exists()
    assert {folder.name for folder, _ in packages(copy)} == {"client", "protos"}


def test_the_changelogs_section() -> None:
    assert changelog.section(CHANGELOG, "0.2.0") == "- this\n"
    assert changelog.section(CHANGELOG, "0.3.0.dev7") == "- next\n"
    with pytest.raises(ReleaseError, match=r"no section 0\.9\.0; there are Unreleased, 0\.2\.0"):
        changelog.section(CHANGELOG, "0.9.0")
    with pytest.raises(ReleaseError, match=r"section 0\.1\.0 says nothing"):
        changelog.section(CHANGELOG, "0.1.0")

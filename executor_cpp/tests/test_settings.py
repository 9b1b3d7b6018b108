"""EDGEMESH_CPP_*."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgemesh_executor_cpp.settings import CppSettings
from mesh_service.settings import SettingsError


@pytest.fixture(autouse=True)
def _no_other_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEMESH_CPP_PLUGINS_DIR", raising=False)


def test_folders_are_separated_by_colons(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    monkeypatch.setenv("EDGEMESH_CPP_PLUGINS_DIR", f"{tmp_path}:{tmp_path / 'b'}")
    monkeypatch.setenv("EDGEMESH_CPP_THREADS", "3")
    settings = CppSettings.load()
    assert settings.plugins_dir == (tmp_path, tmp_path / "b")
    assert settings.worker_environment()["OPENBLAS_NUM_THREADS"] == "3"


def test_a_file_may_list_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cpp.toml").write_text(f'plugins_dir = ["{tmp_path}"]')
    monkeypatch.setenv("EDGEMESH_CPP_CONFIG", str(tmp_path / "cpp.toml"))
    assert CppSettings.load().plugins_dir == (tmp_path,)


@pytest.mark.parametrize("value", [None, "", "/nowhere/at/all"])
def test_folders_that_are_not_there(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is not None:
        monkeypatch.setenv("EDGEMESH_CPP_PLUGINS_DIR", value)
    with pytest.raises(SettingsError) as refused:
        CppSettings.load()
    assert refused.value.variable == "EDGEMESH_CPP_PLUGINS_DIR"


@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_threads_that_make_no_sense(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("EDGEMESH_CPP_THREADS", value)
    with pytest.raises(SettingsError) as refused:
        CppSettings.load()
    assert refused.value.variable == "EDGEMESH_CPP_THREADS"

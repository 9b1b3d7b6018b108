"""EDGEMESH_ML_*."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgemesh_executor_ml.settings import MlSettings, available_bytes
from mesh_service.settings import SettingsError


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("EDGEMESH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("EDGEMESH_CACHE", str(tmp_path))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


def test_models_lie_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"EDGEMESH_ML_MODELS_DIR: no such folder.*fetch"):
        MlSettings.load()
    (tmp_path / "models").mkdir()
    assert MlSettings.load().models == tmp_path / "models"
    (tmp_path / "others").mkdir()
    monkeypatch.setenv("EDGEMESH_ML_MODELS_DIR", str(tmp_path / "others"))
    assert MlSettings.load().models == tmp_path / "others"


@pytest.mark.parametrize(
    ("workers", "threads", "expected"), [("2", "0", "4"), ("16", "0", "1"), ("2", "3", "3")]
)
def test_workers_share_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: str, threads: str, expected: str
) -> None:
    (tmp_path / "models").mkdir()
    monkeypatch.setenv("EDGEMESH_ML_WORKERS", workers)
    monkeypatch.setenv("EDGEMESH_ML_THREADS", threads)
    assert MlSettings.load().worker_environment() == {
        "MALLOC_MMAP_THRESHOLD_": "16777216",
        "RAYON_NUM_THREADS": expected,
        "CANDLE_NUM_THREADS": expected,
    }


def test_a_misspelt_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEMESH_ML_THREAD", "2")
    with pytest.raises(SettingsError, match="did you mean EDGEMESH_ML_THREADS"):
        MlSettings.load()


def test_models_may_take_most_of_the_memory_unless_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    settings = MlSettings.load()
    assert 0 < settings.memory_bytes <= available_bytes() * 3 // 4
    monkeypatch.setenv("EDGEMESH_ML_MODELS_MEMORY_BYTES", "1000")
    monkeypatch.setenv("EDGEMESH_ML_KEEP_MODELS", "a, b")
    settings = MlSettings.load()
    assert (settings.memory_bytes, settings.keep_models) == (1000, ("a", "b"))


def test_a_device_that_there_is_not_is_refused_and_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    monkeypatch.setenv("EDGEMESH_ML_DEVICE", "cpu")
    assert MlSettings.load().device == "cpu"
    monkeypatch.setenv("EDGEMESH_ML_DEVICE", "cuda")
    with pytest.raises(SettingsError, match=r"EDGEMESH_ML_DEVICE: .*not built with CUDA"):
        MlSettings.load()
    monkeypatch.setenv("EDGEMESH_ML_DEVICE", "tpu")
    with pytest.raises(SettingsError, match=r"EDGEMESH_ML_DEVICE.*'cpu' or 'cuda'"):
        MlSettings.load()

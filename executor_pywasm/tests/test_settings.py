from __future__ import annotations

from pathlib import Path

import pytest

from edgemesh_executor_pywasm.settings import PyWasmSettings
from mesh_service.settings import SettingsError

MIB = 1 << 20


def test_a_call_may_add_256_mib_unless_told_otherwise() -> None:
    assert PyWasmSettings.load().default_memory_bytes == 256 * MIB


def test_images_lie_in_the_cache_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EDGEMESH_CACHE", str(tmp_path))
    assert PyWasmSettings.load().runner_config() == {
        "images": str(tmp_path / "images"),
        "ready": True,
        "walls": {"strict": False, "uid": 65534},
    }
    monkeypatch.setenv("EDGEMESH_PYWASM_IMAGES_DIR", "/elsewhere")
    monkeypatch.setenv("EDGEMESH_PYWASM_WARM_INSTANCE", "no")
    monkeypatch.setenv("EDGEMESH_PYWASM_WALLS", "strict")
    monkeypatch.setenv("EDGEMESH_PYWASM_WORKER_UID", "0")
    assert PyWasmSettings.load().runner_config() == {
        "images": "/elsewhere",
        "ready": False,
        "walls": {"strict": True, "uid": 0},
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [("MAX_RUN_TIME_MS", "300001"), ("DEFAULT_MEMORY_BYTES", "1000"), ("IMAGE_DIR", "/x")],
)
def test_wrong_settings_are_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"EDGEMESH_PYWASM_{name}", value)
    with pytest.raises(SettingsError, match=name):
        PyWasmSettings.load()

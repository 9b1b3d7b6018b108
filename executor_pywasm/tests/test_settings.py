from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from edgemesh_executor_pywasm.settings import PyWasmSettings
from mesh_service.settings import SettingsError

MIB = 1 << 20


def test_a_call_may_add_256_mib_unless_told_otherwise() -> None:
    assert PyWasmSettings.load().default_memory_bytes == 256 * MIB


def test_images_lie_in_the_cache_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    options = {
        "image": "base", "metered": False, "stack_bytes": 32 * MIB, "table_elements": 100_000,
        "capabilities": [], "files": {},
        "modules": {"features": [], "module_bytes": 32 * MIB, "cache_bytes": 256 * MIB},
        "awake_bytes": 128 * MIB,
    }  # fmt: skip
    monkeypatch.setenv("EDGEMESH_CACHE", str(tmp_path))
    assert PyWasmSettings.load().runner_config() == {
        "images": str(tmp_path / "images"),
        "ready": True,
        **options,
        "walls": {"strict": False, "uid": 65534},
    }
    monkeypatch.setenv("EDGEMESH_PYWASM_IMAGES_DIR", "/elsewhere")
    monkeypatch.setenv("EDGEMESH_PYWASM_WARM_INSTANCE", "no")
    monkeypatch.setenv("EDGEMESH_PYWASM_WALLS", "strict")
    monkeypatch.setenv("EDGEMESH_PYWASM_IMAGE", "slim")
    monkeypatch.setenv("EDGEMESH_PYWASM_WORKER_UID", "0")
    assert PyWasmSettings.load().runner_config() == {
        "images": "/elsewhere",
        "ready": False,
        **options,
        "image": "slim",
        "walls": {"strict": True, "uid": 0},
    }


def test_the_ranges_are_those_of_the_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = PyWasmSettings.load().limits()
    assert limits["run_time_ms"] == (30_000, 60_000)
    assert limits["memory_bytes"] == (256 * MIB, 512 * MIB)
    assert limits["files_bytes"] == (64 * MIB, 256 * MIB)
    assert limits["cpu_ms"] == (0, 300_000)
    assert "fuel" not in limits
    monkeypatch.setenv("EDGEMESH_PYWASM_METERED", "yes")
    assert "fuel" in PyWasmSettings.load().limits()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_RUN_TIME_MS", "300001"),
        ("STACK_BYTES", "67108865"),
        ("TABLE_ELEMENTS", "9999"),
        ("DEFAULT_MEMORY_BYTES", "1000"),
        ("IMAGE_DIR", "/x"),
    ],
)
def test_wrong_settings_are_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"EDGEMESH_PYWASM_{name}", value)
    with pytest.raises(SettingsError, match=name):
        PyWasmSettings.load()


def test_what_can_be_granted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Calls need a gateway, files a folder; the operator's list decides."""
    assert PyWasmSettings.load().granted == []
    monkeypatch.setenv("EDGEMESH_PYWASM_GATEWAY", "127.0.0.1:50051")
    assert PyWasmSettings.load().granted == ["call:*", "candle"]
    monkeypatch.setenv("EDGEMESH_PYWASM_FILES", f'{{"b": "{tmp_path}", "a": "{tmp_path}"}}')
    assert PyWasmSettings.load().granted == ["call:*", "candle", "files:a", "files:b"]
    monkeypatch.setenv("EDGEMESH_PYWASM_CAPABILITIES", '["call:cpp.*", "files:a"]')
    assert PyWasmSettings.load().granted == ["call:cpp.*", "files:a"]
    hosts = '{"b.test:8443": {}, "b.test": {}, ".a.test": {}}'
    monkeypatch.setenv("EDGEMESH_PYWASM_HTTP", hosts)
    monkeypatch.setenv("EDGEMESH_PYWASM_CAPABILITIES", '["http:*"]')
    assert PyWasmSettings.load().granted == ["http:.a.test", "http:b.test"]
    monkeypatch.setenv("EDGEMESH_PYWASM_CAPABILITIES", "[]")
    assert PyWasmSettings.load().granted == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CAPABILITIES", '["net"]'),
        ("CAPABILITIES", '["call:*.fft"]'),
        ("CAPABILITIES", '["http:example.org:80"]'),
        ("HTTP", '{"https://example.org": {}}'),
        ("HTTP", '{"example.org": {"headers": {"X Y": "1"}}}'),
        ("HTTP", '{"example.org": {"methods": ["CONNECT"]}}'),
        ("HTTP_SECRETS", "/nowhere/at/all"),
        ("FILES", '{"a": "/nowhere/at/all"}'),
        ("FILES", '{"a b": "/tmp"}'),
        ("GATEWAY", "localhost"),
        ("GATEWAY", ":50051"),
    ],
)
def test_capabilities_that_cannot_be(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"EDGEMESH_PYWASM_{name}", value)
    with pytest.raises(SettingsError, match=name):
        PyWasmSettings.load()


def test_sessions_lie_by_port_or_go_with_the_executor(tmp_path: Path) -> None:
    settings = PyWasmSettings(cache=tmp_path, port=5)
    assert settings.sessions_folder() == tmp_path / "sessions" / "pywasm-5"
    assert PyWasmSettings(cache=tmp_path).sessions_folder() is None
    assert PyWasmSettings(session_dir=tmp_path).sessions_folder() == tmp_path


def test_a_key_is_64_hexadecimal_digits() -> None:
    assert PyWasmSettings().key() is None
    assert PyWasmSettings(session_key=SecretStr("0f" * 32)).key() == bytes([15]) * 32
    for wrong in ("0f" * 31, "x" * 64):
        with pytest.raises(SettingsError, match="SESSION_KEY"):
            PyWasmSettings(session_key=SecretStr(wrong)).key()

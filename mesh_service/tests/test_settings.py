"""Settings: the environment over the file over defaults; what is wrong is named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field, ValidationError
from pydantic_settings import SettingsConfigDict

from mesh_service.settings import ExecutorSettings, SettingsError, public


class Sample(ExecutorSettings):
    """Settings of an executor that does not exist."""

    model_config = SettingsConfigDict(env_prefix="EDGEMESH_SAMPLE_")
    service: ClassVar[str] = "sample"
    retired: ClassVar[Mapping[str, str]] = {"EDGEMESH_SAMPLE_OLD": "set EDGEMESH_SAMPLE_WORKERS"}
    table: dict[str, str] = Field(default_factory=dict)
    """A table."""


def test_the_environment_wins_over_the_file_and_the_file_over_defaults(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "sample.toml"
    file.write_text('workers = 3\nspares = 0\n[table]\na = "b"\n')
    monkeypatch.setenv("EDGEMESH_SAMPLE_CONFIG", str(file))
    monkeypatch.setenv("EDGEMESH_SAMPLE_WORKERS", "5")
    settings = Sample.load()
    assert (settings.workers, settings.spares, settings.queue) == (5, 0, 256)
    assert settings.table == {"a": "b"}


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Sample.load().workers = 3


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("EDGEMESH_SAMPLE_WORKER", "3", "did you mean EDGEMESH_SAMPLE_WORKERS"),
        ("EDGEMESH_SAMPLE_WORKERS", "many", "valid integer"),
        ("EDGEMESH_SAMPLE_WORKERS", "0", "greater than or equal to 1"),
        ("EDGEMESH_SAMPLE_TABLE", "{not json", "table"),
        ("EDGEMESH_SAMPLE_SECRET", "short", "at least 32"),
        ("EDGEMESH_SAMPLE_SECRET", "é" * 32, "printable ASCII"),
        ("EDGEMESH_SAMPLE_DEFAULT_RUN_TIME_MS", "400000", "at most max_run_time_ms"),
        ("EDGEMESH_SAMPLE_CONFIG", "/nowhere.toml", "no such file"),
        ("EDGEMESH_LOG_FORMAT", "xml", "text"),
    ],
)
def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        Sample.load()
    assert caught.value.variable == variable
    assert expected in caught.value.expected


@pytest.mark.parametrize(("text", "name"), [("wrokers = 3\n", "WROKERS"), ("workers = [\n", "")])
def test_a_wrong_file_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, name: str
) -> None:
    file = tmp_path / "sample.toml"
    file.write_text(text)
    monkeypatch.setenv("EDGEMESH_SAMPLE_CONFIG", str(file))
    with pytest.raises(SettingsError) as caught:
        Sample.load()
    assert caught.value.variable == "EDGEMESH_SAMPLE_" + (name or "CONFIG")


def test_a_retired_name_warns_and_has_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEMESH_SAMPLE_OLD", "7")
    with pytest.warns(DeprecationWarning, match="set EDGEMESH_SAMPLE_WORKERS"):
        assert Sample.load().workers == 2


def test_names_of_other_services_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEMESH_OTHER_NONSENSE", "1")
    Sample.load()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_a_public_address_needs_the_meshs_secret(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("EDGEMESH_SAMPLE_HOST", host)
    with pytest.raises(SettingsError) as caught:
        Sample.load()
    assert caught.value.variable == "EDGEMESH_SAMPLE_SECRET"
    monkeypatch.setenv("EDGEMESH_SAMPLE_SECRET", "s" * 32)
    assert not Sample.load().on_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_loopback_needs_none(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("EDGEMESH_SAMPLE_HOST", host)
    assert Sample.load().on_loopback


def test_a_log_never_shows_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEMESH_SAMPLE_SECRET", "x" * 40)
    assert "xxxx" not in str(public(Sample.load()))


def test_every_field_has_a_docstring() -> None:
    assert [n for n, f in ExecutorSettings.model_fields.items() if not f.description] == []

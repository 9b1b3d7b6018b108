"""What the dashboard can be told, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgemesh_dashboard.settings import Settings, SettingsError


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "dashboard.toml"
    file.write_text('port = 1\ngateway = "10.0.0.1:1"\n[executor_metrics]\ncpp = "10.0.0.2:1"\n')
    monkeypatch.setenv("EDGEMESH_DASHBOARD_CONFIG", str(file))
    monkeypatch.setenv("EDGEMESH_DASHBOARD_PORT", "2")
    settings = Settings.load()
    assert (settings.port, settings.gateway) == (2, "10.0.0.1:1")
    assert settings.executor_metrics == {"cpp": "10.0.0.2:1"}


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("EDGEMESH_DASHBOARD_GATWAY", "x", "did you mean EDGEMESH_DASHBOARD_GATEWAY?"),
        ("EDGEMESH_DASHBOARD_PORT", "70000", "EDGEMESH_DASHBOARD_PORT: "),
        ("EDGEMESH_DASHBOARD_HOST", "0.0.0.0", "EDGEMESH_DASHBOARD_CERTIFICATE: required"),
        ("EDGEMESH_DASHBOARD_TRACE_URL", "http://x", "a URL with {trace_id} in it"),
        ("EDGEMESH_DASHBOARD_CERTIFICATE", "/x", "a certificate and its key go together"),
        ("EDGEMESH_DASHBOARD_CONFIG", "/no/such", "no such file: /no/such"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as refused:
        Settings.load()
    assert said in str(refused.value)

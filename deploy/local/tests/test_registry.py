"""uv reaches packages as pip does."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgemesh_local.registry import parse, translate, uv_environment


def test_the_environment_wins_over_install_and_global() -> None:
    listing = (
        "global.index-url='https://global.example/packages'\n"
        "global.cert='/etc/ca.pem'\n"
        "install.index-url='https://install.example/packages'\n"
        ":env:.index-url='https://env.example/packages'\n"
        ":env:.timeout='180'\n"
        "freeze.timeout='10'\n"
        "a line of no use\n"
    )
    assert parse(listing) == {
        "index-url": "https://env.example/packages",
        "cert": "/etc/ca.pem",
        "timeout": "180",
    }


def test_settings_are_translated(tmp_path: Path) -> None:
    links = f"/no/such/folder {tmp_path} https://wheels.example/"
    assert translate(
        {
            "index-url": "https://a.example/packages",
            "extra-index-url": "\nhttps://b.example/packages\nhttps://c.example/packages",
            "cert": "/etc/ca.pem",
            "find-links": links,
            "disable-pip-version-check": "1",
        }
    ) == {
        "UV_DEFAULT_INDEX": "https://a.example/packages",
        "UV_INDEX": "https://b.example/packages https://c.example/packages",
        "SSL_CERT_FILE": "/etc/ca.pem",
        "UV_FIND_LINKS": f"{tmp_path},https://wheels.example/",
    }


def test_uv_s_own_variables_win_and_its_cache_is_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UV_SYSTEM_CERTS", "0")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("UV_CACHE_DIR", "/elsewhere")
    env = uv_environment(tmp_path)
    assert env["UV_SYSTEM_CERTS"] == "0"
    assert env["UV_CACHE_DIR"] == str(tmp_path)
    assert "PYTHONPATH" not in env

"""Makes uv reach packages as pip does: index, certificates and proxies as this machine's pip has
them, translated when uv runs and never written down.

A UV_* variable that is already set wins.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_TRANSLATED = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "timeout": "UV_HTTP_TIMEOUT",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}
# Later ones win: `pip config list` prefixes each key with where it comes from.
_SECTIONS = ("global", "install", ":env:")


def uv_environment(store: Path) -> dict[str, str]:
    """The variables with which uv runs here: this process's own and pip's, translated."""
    env = dict(os.environ)
    for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX"):
        env.pop(name, None)
    for name, value in translate(_pip_settings()).items():
        env.setdefault(name, value)
    env.update(
        UV_CACHE_DIR=str(store),
        # Links into the cache would let a damaged environment damage every later one.
        UV_LINK_MODE="copy",
        UV_NO_PROGRESS="1",
        UV_PYTHON_DOWNLOADS="never",
    )
    env.setdefault("UV_SYSTEM_CERTS", "1")  # as pip does
    return env


def translate(settings: Mapping[str, str]) -> dict[str, str]:
    """pip's settings (`index-url` and so on, without their section) as uv's variables."""
    translated = {
        variable: " ".join(settings[name].split())
        for name, variable in _TRANSLATED.items()
        if settings.get(name)
    }
    links = [
        link
        for link in settings.get("find-links", "").split()
        if "://" in link or Path(link).exists()
    ]  # uv stops at a folder that is missing, pip does not
    if links:
        translated["UV_FIND_LINKS"] = ",".join(links)
    return translated


def parse(listing: str) -> dict[str, str]:
    """What `pip config list` prints, without sections: environment over `install` over `global`."""
    found: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    for line in listing.splitlines():
        name, assigned, value = line.partition("=")
        section, dot, option = name.strip().rpartition(".")
        if assigned and dot and section in found:
            try:
                found[section][option] = str(ast.literal_eval(value.strip()))
            except (ValueError, SyntaxError):
                continue
    return {name: value for section in _SECTIONS for name, value in found[section].items()}


@cache
def _pip_settings() -> dict[str, str]:
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    return parse(listing.stdout)

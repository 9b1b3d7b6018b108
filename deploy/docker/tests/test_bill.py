"""Each image's bill of materials names what is really in it, and is one by its schema."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mesh import EXECUTORS, ROOT

IMAGES = ("gateway", *EXECUTORS)
KNOWN = {
    "gateway": ("pkg:pypi/sqlalchemy@", "pkg:cargo/h2@", "pkg:deb/debian/tini@"),
    "cpp": ("pkg:pypi/edgemesh-cpp-host@", "pkg:deb/debian/libfftw3-double3@"),
    "ml": ("pkg:pypi/edgemesh-candle@", "pkg:cargo/candle-core@"),
    "pywasm": ("pkg:pypi/wasmtime@", "pkg:deb/debian/python3@"),
}
"""Image → some that it must name."""


@pytest.fixture(scope="module")
def bills() -> Path:
    """The folder of them, which stays: CI prints their table."""
    to = ROOT / "dist" / "sbom"
    command = [sys.executable, str(ROOT / "deploy" / "docker" / "sbom"), "--to", str(to), *IMAGES]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    print(f"\n{done.stdout}")
    return to


@pytest.mark.parametrize("name", IMAGES)
def test_bill_names_what_is_in_the_image(bills: Path, name: str) -> None:
    made = json.loads((bills / f"edgemesh-{name}.cdx.json").read_text())
    assert made["metadata"]["component"]["name"] == f"edgemesh-{name}"
    named = [each["purl"] for each in made["components"]]
    assert len(named) == len(set(named))
    missing = [each for each in KNOWN[name] if not any(one.startswith(each) for one in named)]
    assert not missing
    licensed = [each for each in made["components"] if each.get("licenses")]
    assert len(licensed) > len(named) / 20

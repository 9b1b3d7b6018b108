"""Coverage of our own Python over all parts, processes and environments, with one gate."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from edgemesh_local.command import show
from edgemesh_local.layout import Layout
from edgemesh_local.parts import Skipped


def variables(layout: Layout) -> dict[str, str]:
    """What measured processes need: coverage.ini's patch hands it on to their children."""
    return {
        "COVERAGE_RCFILE": str(layout.local / "coverage.ini"),
        "COVERAGE_FILE": str(data(layout) / "data"),
        "EDGEMESH_ROOT": str(layout.root),
    }


def data(layout: Layout) -> Path:
    """Where each process leaves what it measured."""
    return layout.root / ".coverage"


def start_anew(layout: Layout) -> None:
    """Forget what earlier runs measured."""
    shutil.rmtree(data(layout), ignore_errors=True)
    data(layout).mkdir()


async def gate(layout: Layout, python: Path, env: Mapping[str, str] = os.environ) -> None:
    """Combine and report; raises CommandFailed below coverage.ini's `fail_under`."""
    if not any(data(layout).iterdir()):
        raise Skipped("nothing was measured")
    env = {**env, **variables(layout)}
    for words in (["combine", "--quiet"], ["report", "--skip-covered", "--show-missing"]):
        await show("coverage", [str(python), "-m", "coverage", *words], cwd=layout.root, env=env)

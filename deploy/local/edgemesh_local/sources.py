"""Our own packages as wheels that point at their sources (PEP 660), each made once per checkout.

Made by the one build backend of the house, hatchling as build.lock pins it, and not by an
installer: that would make them anew, each in a fresh build environment, for every environment.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edgemesh_local import content
from edgemesh_local.command import run
from edgemesh_local.console import Console
from edgemesh_local.layout import Layout
from edgemesh_local.tool_environment import tool_environment

_SCRIPT = """
import json, os, sys
from hatchling.build import build_editable
for source, out in json.loads(sys.argv[1]):
    os.chdir(source)
    try:
        build_editable(out)
    except Exception as error:
        sys.exit(f"{source}/pyproject.toml: {error}")
"""


async def source_wheels(
    packages: Sequence[str], layout: Layout, console: Console
) -> dict[str, Path]:
    """Package folder (relative to the checkout) → its wheel. Raises CommandFailed."""
    folders = {package: _folder(package, layout) for package in packages}
    missing = {package: folder for package, folder in folders.items() if not folder.is_dir()}
    if missing:
        await _make(missing, layout, console)
    return {package: next(folder.glob("*.whl")) for package, folder in folders.items()}


def _folder(package: str, layout: Layout) -> Path:
    """Where a package's wheel lies: keyed by what it is made of, and where it points."""
    key = content.key(
        source=str(layout.root / package),
        project=content.digest(layout.root, [f"{package}/pyproject.toml"]),
        build=(layout.local / "build.lock").read_text(),
    )
    return layout.cache / "wheels" / f"source-{key}"


async def _make(folders: dict[str, Path], layout: Layout, console: Console) -> None:
    tools = await tool_environment(layout, layout.local / "build.lock", console)
    (layout.cache / "wheels").mkdir(exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=layout.cache / "wheels", prefix="making-"))
    try:
        made = {package: temporary / folder.name for package, folder in folders.items()}
        for folder in made.values():
            folder.mkdir()
        work = [[str(layout.root / package), str(folder)] for package, folder in made.items()]
        await run(
            "our own packages",
            [str(tools / "bin" / "python"), "-c", _SCRIPT, json.dumps(work)],
            cwd=layout.root,
            env=os.environ,
            log=layout.logs / "sources.log",
            console=console,
        )
        for package, folder in made.items():
            os.rename(folder, folders[package])
    finally:
        shutil.rmtree(temporary, ignore_errors=True)

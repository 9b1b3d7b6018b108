"""Environments of tools: one per lock, in the cache, never changed once made."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from edgemesh_local import content
from edgemesh_local.command import run
from edgemesh_local.console import Console
from edgemesh_local.layout import Layout
from edgemesh_local.registry import uv_environment

_turns: defaultdict[Path, asyncio.Lock] = defaultdict(asyncio.Lock)
"""By folder: one that two steps want at once is made once."""


def uv() -> str:
    """The uv of the environment that this process runs in (deploy/local/tools.lock)."""
    return str(Path(sys.prefix) / "bin" / "uv")


def python_version() -> str:
    """What environments are keyed by: implementation, version and machine."""
    return f"{sys.implementation.cache_tag} {sys.version.split()[0]} {os.uname().machine}"


async def tool_environment(layout: Layout, lock: Path, console: Console) -> Path:
    """The environment with exactly what `lock` names; made if it is not there.

    Returns its folder. Raises CommandFailed.
    """
    folder = folder_of(layout, lock)
    async with _turns[folder]:
        if not is_whole(folder):
            await _make(layout, lock, folder, console)
    return folder


def folder_of(layout: Layout, lock: Path) -> Path:
    """Where the environment of `lock` is, made or not."""
    return layout.tools / content.key(lock=lock.read_text(), python=python_version())


def is_whole(folder: Path) -> bool:
    """Whether it is there and its interpreter is (a link, which an upgrade may have broken)."""
    return os.access(folder / "bin" / "python", os.X_OK)


async def _make(layout: Layout, lock: Path, folder: Path, console: Console) -> None:
    label = f"tools of {lock.relative_to(layout.root)}"
    console.started(label)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix="making-"))
    env = uv_environment(layout.cache / "uv")
    log = layout.logs / f"tools-{folder.name}.log"
    try:
        for words in (
            [
                "venv",
                "--quiet",
                "--relocatable",
                "--clear",
                "--python",
                sys.executable,
                str(temporary),
            ],
            ["pip", "sync", "--quiet", "--python", str(temporary), "--require-hashes", str(lock)],
        ):
            await run(label, [uv(), *words], cwd=layout.root, env=env, log=log, console=console)
        os.rename(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)

"""`make release` and `make notices`: the programs of deploy/release, with what builds have here."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from edgemesh_local.build import Build
from edgemesh_local.command import show
from edgemesh_local.registry import uv_environment
from edgemesh_local.session import Session


async def release(session: Session) -> int:
    """Wheels, source archives and the changelog's section, in dist/release."""
    return await _run(session, "build", "--only", ",".join(session.only))


async def notices(session: Session) -> int:
    """Make THIRD-PARTY.md and its like anew."""
    return await _run(session, "notices")


async def check(root: Path) -> None:
    """One version everywhere, notices of what is locked. Raises CommandFailed."""
    await show("release", [*_program(root), "check"], cwd=root, env=os.environ)


async def _run(session: Session, *words: str) -> int:
    layout = session.layout
    build = Build(layout, session.console)
    for service in session.services:
        for tool, least in service.needs.tools.items():
            await build.toolchains.require(tool, least)
    env = build.toolchains.env(uv_environment(layout.cache / "uv"))
    env |= {
        "EDGEMESH_CACHE": str(layout.cache),
        "CARGO_TARGET_DIR": str(layout.cache / "cargo-target-release"),
    }
    await show("release", [*_program(layout.root), *words], cwd=layout.root, env=env)
    return 0


def _program(root: Path) -> list[str]:
    return [sys.executable, str(root / "deploy" / "release" / "edgemesh_release")]

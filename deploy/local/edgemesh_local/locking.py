"""`make lock`: resolves every `requirements*.in` (and its like) to a lock with hashes.

A lock names packages, versions and hashes: no index, no path of a machine. It holds for every
platform, so that one machine may lock for another.
"""

from __future__ import annotations

import os
from pathlib import Path

from edgemesh_local import command
from edgemesh_local.layout import Layout
from edgemesh_local.registry import uv_environment
from edgemesh_local.session import Session
from edgemesh_local.tool_environment import uv

_PATTERNS = (
    "*/requirements.in",
    "*/requirements-*.in",
    "clients/*/requirements.in",
    "clients/*/requirements-*.in",
    "deploy/containers/requirements.in",
    "deploy/containers/requirements-*.in",
    "deploy/docker/tests/requirements.in",
    "deploy/local/*.in",
    "protos/generate.in",
)
_INCLUDED = "testing.in"
"""What others include: it has no lock of its own."""
_LEAST_PYTHON = "3.11"


def inputs(layout: Layout) -> list[Path]:
    """What there is to lock; one that constrains another (`-c requirements.lock`) comes first."""
    found = {path for pattern in _PATTERNS for path in layout.root.glob(pattern)}
    found.discard(layout.local / _INCLUDED)
    return sorted(found, key=lambda path: (path.name != "requirements.in", path))


async def lock(session: Session) -> int:
    """Resolve all of them anew; returns the exit code. Raises CommandFailed."""
    layout, console = session.layout, session.console
    env = uv_environment(layout.cache / "uv")
    # Where the machine's own settings point is the machine's business.
    env.pop("UV_FIND_LINKS", None)
    for source in inputs(layout):
        name = source.relative_to(layout.root).as_posix()
        if session.only and not name.startswith(session.only):
            continue
        target = source.with_suffix(".lock")
        await command.run(
            name,
            [
                uv(),
                "pip",
                "compile",
                "--quiet",
                "--universal",
                "--python-version",
                _LEAST_PYTHON,
                "--generate-hashes",
                "--annotation-style",
                "line",
                "--no-emit-index-url",
                "--custom-compile-command",
                "make lock",
                "--upgrade",
                source.name,
                "--output-file",
                target.name,
            ],
            cwd=source.parent,
            env=env,
            log=layout.logs / "lock.log",
            console=console,
        )
        console.line(f"{target.relative_to(layout.root)}")
    return 0


def foreign_text(lock_file: Path) -> list[str]:
    """Lines of a lock that name a host or a path: there must be none."""
    return [
        line
        for line in lock_file.read_text().splitlines()
        if "://" in line or str(Path.home()) in line or os.fspath(lock_file.parent) in line
    ]

"""`make docs`: the site, strictly. It starts a mesh for what the reference asks of one."""

from __future__ import annotations

import os

from edgemesh_local.command import show
from edgemesh_local.environments import docs_environment, interpreter
from edgemesh_local.session import Session


async def docs(session: Session) -> int:
    """Build what it asks, then the site. Raises CommandFailed."""
    layout = session.layout
    await session.build(others=[docs_environment(layout)])
    words = [str(interpreter(layout.root / "docs")), "-m", "mkdocs", "build", "--strict"]
    await show("mkdocs", words, cwd=layout.root, env=os.environ)
    return 0

"""`make brought`: what takes minutes to make, laid where container images may take it from.

Rules: it is what the checkout built and tests, so an image of it is in minutes what it would be in
an hour; each service's folder, dist/images/<service>, is made anew. What is published is made from
nothing instead (deploy/docker/images.sh).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from edgemesh_local import command
from edgemesh_local.build import Build
from edgemesh_local.service import Service
from edgemesh_local.session import Session
from edgemesh_local.step import substitute


async def brought(session: Session) -> int:
    """Build what is missing and lay it there; returns the exit code."""
    await bring(await session.build(), session.services)
    return 0


async def bring(build: Build, services: list[Service]) -> None:
    """Lay what was built there. Raises CommandFailed."""
    for service in services:
        out = build.layout.root / "dist" / "images" / service.name
        shutil.rmtree(out, ignore_errors=True)
        wheels = out / "wheels"
        wheels.mkdir(parents=True)
        for wheel in build.wheels[service.name]:
            shutil.copy(wheel, wheels)
        if service.brings:
            await _brings(build, service, out)


async def _brings(build: Build, service: Service, out: Path) -> None:
    words = [substitute(word, service, build.layout) for word in service.brings]
    label = f"{service.name} brings"
    await command.run(
        label,
        [word.replace("{out}", str(out)) for word in words],
        cwd=service.folder,
        env={**build.toolchains.env(), "EDGEMESH_CACHE": str(build.layout.cache)},
        log=build.layout.logs / f"{service.name}-brings.log",
        console=build.console,
    )

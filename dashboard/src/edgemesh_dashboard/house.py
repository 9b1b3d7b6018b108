"""What all pages share: the settings, who looks, and the mesh's figures."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from edgemesh_dashboard.settings import Settings
from edgemesh_dashboard.visitors import Visitors
from edgemesh_dashboard.watch import Watch

_SWEEP_S = 60.0


class House:
    """One dashboard."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.visitors = Visitors(settings)
        self.watch = Watch(settings)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncGenerator[None]:
        """Watch and sweep meanwhile; forget everybody at the end."""
        tasks = [asyncio.create_task(self.watch.run()), asyncio.create_task(self._sweep())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await self.visitors.close()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            await self.visitors.sweep()

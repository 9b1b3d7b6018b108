"""What one invocation was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgemesh_local.build import Build
from edgemesh_local.console import Console
from edgemesh_local.environment import Environment
from edgemesh_local.layout import Layout
from edgemesh_local.service import Service, select


@dataclass(frozen=True, slots=True)
class Session:
    """Where, for whom, and what of it."""

    layout: Layout
    console: Console
    executors: tuple[str, ...] | None = None
    """Names of executors; None: all."""
    only: tuple[str, ...] = ()
    """Parts of a test, lint or bench; empty: all."""

    @property
    def services(self) -> list[Service]:
        """The chosen executors and the gateway. Raises UnknownExecutor, BadService."""
        return select(self.layout.root, self.executors)

    async def build(self, *, testing: bool = False, others: Sequence[Environment] = ()) -> Build:
        """Bring the chosen services, and other environments, up to date."""
        build = Build(self.layout, self.console)
        await build.run(self.services, testing=testing, others=others)
        return build

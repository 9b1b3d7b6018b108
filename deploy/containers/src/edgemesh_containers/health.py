"""Waiting until containers serve: what their images' own health checks say.

Rules: looks and changes nothing. One that ended, or was started anew, has failed, and is not waited
for. One that is unhealthy may only be slow, on a machine that has too much to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from edgemesh_containers.engine import Engine
from edgemesh_containers.errors import NotHealthy
from edgemesh_containers.seen import HEALTHY, UNHEALTHY, Container

HEALTHY_S = 60.0
LOOK_S = 0.1


class Health:
    """Looks at containers."""

    def __init__(
        self,
        engine: Engine,
        timeout_s: float = HEALTHY_S,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._engine, self._timeout_s = engine, timeout_s
        self._clock, self._pause = clock, pause

    def wait(self, ids: Iterable[str]) -> None:
        """Until all are healthy. Raises NotHealthy for the first that will not be."""
        end = self._clock() + self._timeout_s
        restarts: dict[str, int] = {}
        left = list(ids)
        while left:
            left = [id for id in left if not self._serves(id, restarts)]
            if left and self._clock() >= end:
                raise self._late(left[0])
            if left:
                self._pause(LOOK_S)

    def _serves(self, id: str, restarts: dict[str, int]) -> bool:
        seen = self._engine.container(id)
        if seen is None:
            raise NotHealthy(id[:12], "somebody removed it", "")
        if seen.running and seen.health == HEALTHY:
            return True
        # What was restarted before has been so for another reason.
        before = restarts.setdefault(id, seen.restarts if seen.running else 0)
        if why := _why(seen, before):
            raise self._failed(id, why)
        return False

    def _late(self, id: str) -> NotHealthy:
        seen = self._engine.container(id)
        sick = seen is not None and seen.health == UNHEALTHY
        why = f"not healthy within {self._timeout_s:g} s"
        return self._failed(id, f"{why}: its health check fails" if sick else why)

    def _failed(self, id: str, why: str) -> NotHealthy:
        seen = self._engine.container(id)
        return NotHealthy(
            seen.name if seen else id[:12], why, self._engine.said(id) if seen else ""
        )


def _why(seen: Container, restarts: int) -> str:
    """Why it will not become healthy; empty: it may."""
    if seen.running and seen.restarts <= restarts:
        return ""
    if seen.running:
        return "it ended, and was started again"
    if seen.out_of_memory:
        return "it was killed, for it passed its memory limit"
    return f"it ended with status {seen.exit_code}"

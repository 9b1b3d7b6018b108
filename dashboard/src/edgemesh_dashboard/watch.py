"""The mesh's metrics, read once for all who look.

Rules: they are read EVERY_S apart while somebody looks, and not at all while nobody does; a page
takes `latest` when it wants. Where they cannot be read `fault` says why, and the last ones stay.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from edgemesh_dashboard.figures import GatewayFigures, WorkerFigures, read_gateway, read_workers
from edgemesh_dashboard.settings import Settings

EVERY_S = 1.0
LOOKED_S = 5.0
"""For how long after a page has asked somebody counts as looking."""
KEPT = 120
_MOST_BYTES = 8 << 20
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rates:
    """What went through the gateway between two readings."""

    at: float
    """In Unix time."""
    per_s: float
    failed_per_s: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read at one moment."""

    at: float
    gateway: GatewayFigures
    workers: Mapping[str, WorkerFigures] = field(default_factory=dict[str, WorkerFigures])
    """By executor; those whose metrics could be read."""


class Watch:
    """Reads metrics as long as somebody looks."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._latest: Reading | None = None
        self._looked = asyncio.Event()
        self._last_look = 0.0
        self._rates: deque[Rates] = deque(maxlen=KEPT)
        self.fault = "" if settings.gateway_metrics else "GATEWAY_METRICS is not set"
        """Why the gateway's metrics cannot be read; empty: they can."""

    def look(self) -> Reading | None:
        """What was read last; None: nothing yet."""
        self._last_look = time.monotonic()
        self._looked.set()
        return self._latest

    @property
    def rates(self) -> list[Rates]:
        """The last of them, oldest first."""
        return list(self._rates)

    async def run(self) -> None:
        """Read until cancelled."""
        if not self._settings.gateway_metrics:
            return
        async with httpx.AsyncClient(timeout=5.0, trust_env=False) as http:
            while True:
                await self._looked.wait()
                await self._read(http)
                if time.monotonic() - self._last_look > LOOKED_S:
                    self._looked.clear()
                    self._latest = None  # what is old must not look new to who comes next
                else:
                    await asyncio.sleep(EVERY_S)

    async def _read(self, http: httpx.AsyncClient) -> None:
        address = self._settings.gateway_metrics
        try:
            text = await _text(http, address)
            gateway = await asyncio.to_thread(read_gateway, text)
        except (httpx.HTTPError, ValueError) as error:
            self.fault = f"the gateway's metrics at {address} cannot be read ({_why(error)})"
            return
        found = await asyncio.gather(
            *(self._workers(http, *each) for each in self._settings.executor_metrics.items())
        )
        reading = Reading(time.time(), gateway, {name: each for name, each in found if each})
        self.fault = ""
        self._note(reading)
        self._latest = reading

    async def _workers(
        self, http: httpx.AsyncClient, name: str, address: str
    ) -> tuple[str, WorkerFigures | None]:
        try:
            return name, await asyncio.to_thread(read_workers, await _text(http, address))
        except (httpx.HTTPError, ValueError) as error:
            _log.debug("metrics of %s at %s: %s", name, address, _why(error))
            return name, None

    def _note(self, reading: Reading) -> None:
        before = self._latest
        if before is None:
            return
        seconds = max(reading.at - before.at, 1e-3)
        # A gateway that was started anew counts from 0.
        answered = max(0, reading.gateway.rpcs - before.gateway.rpcs)
        failed = max(0, reading.gateway.failed - before.gateway.failed)
        self._rates.append(Rates(reading.at, answered / seconds, failed / seconds))


async def _text(http: httpx.AsyncClient, address: str) -> str:
    answer = await http.get(f"http://{address}/metrics")
    answer.raise_for_status()
    if len(answer.content) > _MOST_BYTES:
        raise ValueError(f"more than {_MOST_BYTES} bytes")
    return answer.text


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__

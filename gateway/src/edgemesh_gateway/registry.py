"""The executors that settings name, all followed at once.

Rules: an executor that is absent holds up nothing but its own callers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from edgemesh_gateway.counters import Counter
from edgemesh_gateway.endpoint import Endpoint
from edgemesh_gateway.route import Routes
from edgemesh_gateway.schedule import Lane
from edgemesh_gateway.scheduling.queue import everybody_alike
from edgemesh_gateway.settings import GatewaySettings

SETTLE_S = 2.0
"""How long the gateway's start waits for executors that take connections and say nothing yet."""


class Registry:
    """All endpoints, and the routes that follow from them."""

    def __init__(
        self,
        settings: GatewaySettings,
        counters: Sequence[Counter] | None = None,
        weight: Callable[[str], float] = everybody_alike,
    ) -> None:
        """`counters`: who counts the executors' slots, in their order; default: their lanes.
        `weight`: of a tenant.
        """
        secret = settings.secret
        counting = counters or [None] * len(settings.executors)
        self.endpoints = tuple(
            Endpoint(
                name,
                address,
                Lane(
                    1,
                    settings.queue,
                    settings.ageing_s,
                    counter=counter,
                    queue_bytes=settings.queue_bytes,
                    weight=weight,
                ),
                None if secret is None else secret.get_secret_value(),
            )
            for (name, address), counter in zip(settings.executors.items(), counting, strict=True)
        )
        self.routes = Routes(self.endpoints)
        for endpoint in self.endpoints:
            endpoint.on_offer = self.routes.rebuild

    def set_limits(self, limits: Mapping[str, int]) -> None:
        """Say how many of an algorithm may run at once; others are not limited."""
        for endpoint in self.endpoints:
            endpoint.lane.set_limits(limits)

    async def start(self) -> None:
        """Follow every executor; waits a moment for those that are there."""
        for endpoint in self.endpoints:
            endpoint.follow()
        knowing = [asyncio.create_task(endpoint.known()) for endpoint in self.endpoints]
        _, absent = await asyncio.wait(knowing, timeout=SETTLE_S)
        for task in absent:
            task.cancel()

    async def close(self) -> None:
        """Let go of them all."""
        await asyncio.gather(*(endpoint.close() for endpoint in self.endpoints))

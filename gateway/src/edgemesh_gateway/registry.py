"""The executors that settings name, all followed at once.

Rules: an executor that is absent holds up nothing but its own callers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from edgemesh_gateway.counters import Counter
from edgemesh_gateway.endpoint import Endpoint
from edgemesh_gateway.executor import Executor
from edgemesh_gateway.route import Routes
from edgemesh_gateway.schedule import Lane
from edgemesh_gateway.scheduling.queue import everybody_alike
from edgemesh_gateway.settings import GatewaySettings

SETTLE_S = 2.0
"""How long the gateway's start waits for executors that take connections and say nothing yet."""


class Registry:
    """All executors, and the routes that follow from them."""

    def __init__(
        self,
        settings: GatewaySettings,
        counters: Sequence[Counter] | None = None,
        weight: Callable[[str], float] = everybody_alike,
    ) -> None:
        """`counters`: who counts the executors' slots, in their order; default: their lanes.
        `weight`: of a tenant.
        """
        given = settings.secret
        secret = None if given is None else given.get_secret_value()
        counting = counters or [None] * len(settings.executors)
        self.executors = tuple(
            Executor(
                name,
                Lane(
                    # Each has its slots when it has described itself.
                    [0] * len(addresses),
                    settings.queue,
                    settings.ageing_s,
                    counter=counter,
                    queue_bytes=settings.queue_bytes,
                    weight=weight,
                ),
                [Endpoint(name, address, secret) for address in addresses],
            )
            for (name, addresses), counter in zip(settings.executors.items(), counting, strict=True)
        )
        self.routes = Routes(self.executors)
        for executor in self.executors:
            executor.on_offer = self.routes.rebuild

    def set_limits(self, limits: Mapping[str, int]) -> None:
        """Say how many of an algorithm may run at once; others are not limited."""
        for executor in self.executors:
            executor.lane.set_limits(limits)

    async def start(self) -> None:
        """Follow every executor; waits a moment for those that are there."""
        for executor in self.executors:
            executor.follow()
        knowing = [asyncio.create_task(executor.known()) for executor in self.executors]
        _, absent = await asyncio.wait(knowing, timeout=SETTLE_S)
        for task in absent:
            task.cancel()

    async def close(self) -> None:
        """Let go of them all."""
        await asyncio.gather(*(executor.close() for executor in self.executors))

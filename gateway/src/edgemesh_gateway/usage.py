"""Compute seconds: for how long calls have held slots, by tenant and day of UTC.

Rules: only of tenants whose seconds are limited. What was held is known here within LOOK_S, and in
the database, for other gateways and the next start, within KEEP_S: by so much, and by calls that
run, a quota can be passed. A database that is away is tried again; nothing is counted twice.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError

from edgemesh_gateway.allowance import Allowance
from edgemesh_gateway.store import ComputeStore
from mesh_service import logs

LOOK_S = 0.1
KEEP_S = 2.0
OTHERS_S = 10.0
"""How old what is known of other gateways may be while this one has nothing to write."""


class Usage:
    """Adds them up."""

    def __init__(
        self, allowance: Allowance, store: ComputeStore, clock: Callable[[], float] = time.time
    ) -> None:
        self._allowance, self._store, self._clock = allowance, store, clock
        self._day = self._today()
        self._kept: dict[str, float] = {}
        self._new: dict[str, float] = {}
        self._looked = 0.0

    def ran(self, tenant: str, seconds: float) -> None:
        """A call has held a slot for so long."""
        if self._allowance.limited(tenant):
            self._new[tenant] = self._new.get(tenant, 0.0) + seconds

    def forget(self, tenant: str) -> None:
        """A tenant was erased."""
        self.look()  # what was held until now is its, too
        self._kept.pop(tenant, None)
        self._new.pop(tenant, None)

    @contextmanager
    def running(self, tenant: str) -> Generator[None]:
        """While a call of a tenant's holds a slot."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.ran(tenant, time.monotonic() - began)

    def look(self) -> None:
        """Let the allowance know what was held until now."""
        for tenant, seconds in self._allowance.take_ran():
            self.ran(tenant, seconds)
        if (today := self._today()) != self._day:
            self._day, self._kept, self._new = today, {}, {}
        both = self._kept.keys() | self._new.keys()
        spent = {each: self._kept.get(each, 0.0) + self._new.get(each, 0.0) for each in both}
        self._allowance.set_spent(spent)

    async def keep(self) -> None:
        """Write what is new, and read what others have written. Raises SQLAlchemyError."""
        day, new = self._day, self._new
        self._new = {}
        for tenant, seconds in new.items():
            self._kept[tenant] = self._kept.get(tenant, 0.0) + seconds
        try:
            kept = await self._store.add(day, new)
        except SQLAlchemyError:
            if day == self._day:
                for tenant, seconds in new.items():
                    self._kept[tenant] = self._kept.get(tenant, seconds) - seconds
                    self._new[tenant] = self._new.get(tenant, 0.0) + seconds
            raise
        if day == self._day:
            self._kept = kept

    async def follow(self) -> None:
        """Do both for ever."""
        away = False
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()
            if time.monotonic() - self._looked < (KEEP_S if self._new else OTHERS_S):
                continue
            self._looked = time.monotonic()
            try:
                await self.keep()
                away = False
            except SQLAlchemyError as error:
                if not away:
                    why = type(error).__name__
                    logs.event("compute seconds not kept", level=logging.ERROR, why=why)
                away = True

    def _today(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%d")

"""The accounts of one gateway: its last requests, and what tenants have used.

Rules: what is new is written within KEEP_S, in one transaction; a database that is away is tried
again. Records of requests are in this process's memory, or, where gateways share a database, in
that, so that any of them can tell. What a killed gateway loses: usage of the last KEEP_S seconds,
and the records of its memory.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from edgemesh.compute.v1 import account_pb2
from sqlalchemy.exc import SQLAlchemyError

from edgemesh_gateway.accounting import days
from edgemesh_gateway.accounting.book import Book
from edgemesh_gateway.accounting.happened import Happened
from edgemesh_gateway.accounting.ring import Ring
from edgemesh_gateway.accounting.way import Way
from edgemesh_gateway.store.account_store import AccountStore, UsageQuery
from edgemesh_gateway.store.records import UsageRecord
from mesh_service import logs
from mesh_service.stack import Rpc

KEEP_S = 1.0
SWEEP_S = 60.0
MOST_UNWRITTEN = 50_000
"""Records that wait to be written; over it the oldest are lost."""


class Accounts:
    """All of it."""

    def __init__(
        self,
        store: AccountStore,
        *,
        most_requests: int,
        request_s: float,
        usage_days: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`most_requests`, `request_s`: how many records of requests are kept here, and how long;
        `usage_days`: how long usage is kept.
        """
        self._store, self._clock = store, clock
        self._keeps_requests = most_requests > 0
        self._request_s, self._usage_days = request_s, usage_days
        self.ring = Ring(most_requests, request_s)
        self.book = Book()
        self._unwritten: list[Happened] = []
        self._writing = asyncio.Lock()
        self.lost = 0
        """Records that came faster than they could be written."""
        self._following: asyncio.Task[None] | None = None
        self.catch_up: Callable[[], None] = lambda: None
        """Hears of what the native data path has answered."""

    def way(self, rpc: Rpc, tenant: str, received: int) -> Way:
        """The way of a request that has just come."""
        return Way(rpc, tenant, received, self.note)

    def note(self, one: Happened) -> None:
        """A request has ended."""
        self.book.add(one)
        if not self._keeps_requests:
            return
        if not self._store.shared:
            self.ring.add(one)
            return
        if len(self._unwritten) >= MOST_UNWRITTEN:
            lost = MOST_UNWRITTEN // 10
            self.lost += lost
            del self._unwritten[:lost]
        self._unwritten.append(one)

    async def request(self, tenant: str, request_id: str) -> account_pb2.RequestRecord | None:
        """What became of a tenant's request. Raises SQLAlchemyError."""
        self.catch_up()
        now = self._clock()
        if not self._store.shared or not self._keeps_requests:
            found = self.ring.find(tenant, request_id, now)
            return None if found is None else found.told()
        await self.keep()
        after_ms = int((now - self._request_s) * 1e3)
        return await self._store.request(tenant, request_id, after_ms)

    async def usage(self, query: UsageQuery) -> Sequence[UsageRecord]:
        """What was used. Raises SQLAlchemyError."""
        await self.keep()
        return await self._store.usage(query)

    async def keep(self) -> None:
        """Write what is new. Raises SQLAlchemyError."""
        # Who leaves while it is written leaves it alone: what is put back would be written twice.
        await asyncio.shield(self._keep())

    async def _keep(self) -> None:
        async with self._writing:
            self.catch_up()
            used, requests = self.book.take(), self._unwritten
            self._unwritten = []
            if not used and not requests:
                return
            try:
                await self._store.add(used, requests)
            except Exception:
                self.book.put_back(used)
                self._unwritten = [*requests, *self._unwritten]
                raise

    async def sweep(self) -> None:
        """Forget what is too old. Raises SQLAlchemyError."""
        now = self._clock()
        self.ring.prune(now)
        first = days.of(now - self._usage_days * days.DAY_S)
        before_ms = int((now - self._request_s) * 1e3)
        await self._store.forget(first, before_ms)

    def count(self, tenant: str) -> int:
        """How many records of a tenant's requests this process has."""
        self.catch_up()
        return self.ring.erase(tenant, count_only=True)

    async def erase(self, tenant: str) -> int:
        """Forget what this process has of a tenant; how many records of requests those were."""
        async with self._writing:  # what is being written now is in the database then
            self.catch_up()
            self.book.erase(tenant)
            self._unwritten = [one for one in self._unwritten if one.tenant != tenant]
            return self.ring.erase(tenant)

    def start(self) -> None:
        """Begin to write."""
        self._following = asyncio.create_task(self._follow(), name="accounts")

    async def stop(self) -> None:
        """Write what is left, and end."""
        if self._following is None:
            return
        self._following.cancel()
        await asyncio.gather(self._following, return_exceptions=True)
        try:
            await self.keep()
        except SQLAlchemyError as error:
            logs.event("accounts not kept", level=logging.ERROR, why=type(error).__name__)

    async def _follow(self) -> None:
        away, swept = False, -SWEEP_S
        while True:
            await asyncio.sleep(KEEP_S)
            try:
                await self.keep()
                if time.monotonic() - swept >= SWEEP_S:
                    swept = time.monotonic()
                    await self.sweep()
                away = False
            except SQLAlchemyError as error:
                if not away:
                    why = type(error).__name__
                    logs.event("accounts not kept", level=logging.ERROR, why=why)
                away = True

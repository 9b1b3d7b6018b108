"""Many small changes as one transaction: what waits for the disk waits together.

Rules: while a transaction runs, what comes gathers, and all of it is the next one; whoever asked
has its answer when its change is committed. One change that the work refuses (it returns an
exception) is nobody else's trouble; a transaction that fails fails for all that were in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from sqlalchemy.orm import Session

from edgemesh_gateway.store.database import Database

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST = 256
"""Changes of one transaction."""


class Group(Generic[Item, Result]):
    """Changes of one kind."""

    def __init__(
        self,
        database: Database,
        work: Callable[[Session, Sequence[Item]], Sequence[Result | Exception]],
    ) -> None:
        """`work` does several changes; one result for each, in their order."""
        self._database, self._work = database, work
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._running: asyncio.Task[None] | None = None

    async def do(self, item: Item) -> Result:
        """Make one change; it is committed when this returns. Raises what the work refuses with."""
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._running is None:
            self._running = asyncio.create_task(self._run(), name="group commit")
        return await answer

    async def _run(self) -> None:
        try:
            while self._waiting:
                now, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._commit(now)
        finally:
            self._running = None

    async def _commit(self, now: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        items = [item for item, _ in now]
        try:
            results = await self._database.run(lambda session: self._work(session, items))
        except Exception as error:  # everybody hears of it
            results = [error] * len(now)
        for (_, answer), result in zip(now, results, strict=True):
            if answer.done():  # who asked has left
                continue
            if isinstance(result, Exception):
                answer.set_exception(result)
            else:
                answer.set_result(result)

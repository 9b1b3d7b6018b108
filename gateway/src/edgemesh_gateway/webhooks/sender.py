"""Sends what is owed to webhooks, until it is answered or given up.

Rules: a try is begun in the database before it is made, and nobody else makes one until LEASE_S
later; a gateway that dies meanwhile has another send it again, so a webhook may hear of a job twice
but never not at all. At most AT_ONCE are sent at a time, OF_TENANT of one tenant. The log has
hosts, never paths, which may be secrets, nor bodies.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from edgemesh.compute.v1 import job_pb2
from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy.exc import SQLAlchemyError

from edgemesh_gateway.store.webhook_records import WebhookRecord
from edgemesh_gateway.store.webhook_store import WebhookStore
from edgemesh_gateway.webhooks.answer import WHOLE_S, Answer, Failed
from edgemesh_gateway.webhooks.hosts import Refused, Target
from edgemesh_gateway.webhooks.terms import Terms
from edgemesh_gateway.webhooks.verdict import Try, Verdict, judge
from mesh_service import logs

if TYPE_CHECKING:
    from edgemesh_gateway.webhooks.post import Poster

AT_ONCE, OF_TENANT = 32, 8
LEASE_S = 2 * WHOLE_S
POLL_S, LOOK_S = 0.5, 2.0
_ENDS: dict[int, str] = {
    job_pb2.WEBHOOK_STATE_DELIVERED: "delivered",
    job_pb2.WEBHOOK_STATE_PENDING: "later",
    job_pb2.WEBHOOK_STATE_GIVEN_UP: "given_up",
}


class Sender:
    """The webhooks that one gateway sends."""

    def __init__(
        self,
        store: WebhookStore,
        terms: Terms,
        registry: CollectorRegistry,
        clock: Callable[[], int],
        *,
        first_pause_s: float,
        patience_s: float,
    ) -> None:
        self._store, self._terms, self._clock = store, terms, clock
        self._poster: Poster | None = None
        self._first_s, self._patience_s = first_pause_s, patience_s
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy: collections.Counter[str] = collections.Counter()
        self._loops: list[asyncio.Task[None]] = []
        self._tries = Counter(
            "edgemesh_webhook_tries",
            "Tries of webhooks that ended here: `delivered`, `later` (it failed), or `given_up`",
            ("end",),
            registry=registry,
        )
        self._waiting = Gauge(
            "edgemesh_webhooks_waiting",
            "Webhooks in the database that are owed",
            registry=registry,
        )
        for end in _ENDS.values():
            self._tries.labels(end)

    def start(self) -> None:
        """Begin."""
        self._loops = [
            asyncio.create_task(self._sending(), name="send webhooks"),
            asyncio.create_task(self._looking(), name="count webhooks"),
        ]

    def wake(self) -> None:
        """A job has ended."""
        self._wake.set()

    async def close(self, patience_s: float) -> None:
        """Begin no more, and let what is being sent end; the rest is for another, or later."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=min(patience_s, WHOLE_S))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _sending(self) -> None:
        while True:
            self._wake.clear()
            taken = await self._claim() if len(self._tasks) < AT_ONCE else False
            if not taken:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):
                        await self._wake.wait()

    async def _claim(self) -> bool:
        if self._store.calm.holds:
            return False
        now = self._clock()
        try:
            taken = await self._store.claim(
                now, now + int(LEASE_S * 1e3), AT_ONCE - len(self._tasks), OF_TENANT, self._busy
            )
        except SQLAlchemyError as error:
            _complain("webhooks cannot be taken", error)
            return False
        for record in taken:
            self._busy[record.tenant] += 1
            task = asyncio.create_task(self._tell(record), name=f"webhook {record.job}")
            self._tasks.add(task)
            task.add_done_callback(lambda done, of=record.tenant: self._over(done, of))
        return bool(taken)

    def _over(self, task: asyncio.Task[None], tenant: str) -> None:
        self._tasks.discard(task)
        self._busy[tenant] -= 1
        if not self._busy[tenant]:
            del self._busy[tenant]
        self.wake()

    async def _tell(self, record: WebhookRecord) -> None:
        answer, why, target = Answer(0), "", None
        try:
            target = self._terms.target(record.tenant, record.url)
            answer = await self._post(record, target)
            if not 200 <= answer.status < 300:
                why = f"it answered with {answer.status}"
        except (Refused, Failed) as failure:
            why = str(failure)
        except Exception as error:  # ours: it must not be left without a next try
            why = "it could not be sent"
            logs.event("internal error", level=logging.ERROR, exc_info=error, error_id=record.job)
        now = self._clock()
        tried = Try(
            record.tries,
            (now - record.created_ms) / 1e3,
            answer.status,
            answer.retry_after_s,
            random.random(),  # noqa: S311 - nobody gains by knowing it
        )
        await self._settle(record, tried, judge(tried, self._first_s, self._patience_s), why, now)
        if why:
            host = "" if target is None else target.host
            logs.event("webhook not taken", job=record.job, host=host, why=why, tries=record.tries)

    async def _post(self, record: WebhookRecord, target: Target) -> Answer:
        if self._poster is None:
            # A tenth of a second that most gateways do without.
            from edgemesh_gateway.webhooks.post import Poster

            self._poster = Poster()
        at_s = self._clock() // 1000
        headers = self._terms.headers(record.tenant, record.job, at_s, record.body)
        return await self._poster.post(target, headers, record.body)

    async def _settle(
        self, record: WebhookRecord, tried: Try, verdict: Verdict, why: str, now: int
    ) -> None:
        ended = verdict.state != job_pb2.WEBHOOK_STATE_PENDING
        fields = {
            "state": verdict.state,
            "last_status": tried.status,
            "last_error": why,
            "ended_ms": now if ended else 0,
            "due_ms": now + int(verdict.pause_s * 1e3),
        }
        try:
            if await self._store.settle(record.job, record.tries, fields):
                self._tries.labels(_ENDS[verdict.state]).inc()
        except SQLAlchemyError as error:  # it is sent again after its lease
            _complain("what became of a webhook cannot be kept", error)

    async def _looking(self) -> None:
        while True:
            with contextlib.suppress(SQLAlchemyError):
                if not self._store.calm.holds:
                    self._waiting.set(await self._store.waiting())
            await asyncio.sleep(LOOK_S)


def _complain(what: str, error: Exception) -> None:
    why = str(getattr(error, "orig", None) or error)[:256]
    logs.event(what, level=logging.WARNING, why=why)

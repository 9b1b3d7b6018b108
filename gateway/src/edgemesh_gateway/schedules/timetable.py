"""Has the clock hand in jobs: each second those of all schedules whose time has come."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter
from sqlalchemy.exc import SQLAlchemyError

from edgemesh_gateway.jobs import ids
from edgemesh_gateway.jobs.figures import Figures
from edgemesh_gateway.schedules import times
from edgemesh_gateway.store.job_records import JobRecord
from edgemesh_gateway.store.schedule_records import ScheduleRecord
from edgemesh_gateway.store.schedule_store import Firing, ScheduleStore
from mesh_service import logs

POLL_S = 1.0
MOST = 100
"""Schedules of one transaction."""


class Timetable:
    """Looks at the clock, for one gateway."""

    def __init__(
        self,
        store: ScheduleStore,
        clock: Callable[[], int],
        wake: Callable[[], None],
        accepted: Figures,
        registry: CollectorRegistry,
    ) -> None:
        """`wake`: called when there are new jobs."""
        self._store, self._clock, self._wake, self._accepted = store, clock, wake, accepted
        self._task: asyncio.Task[None] | None = None
        self._firings = Counter(
            "edgemesh_schedule_firings",
            "Times of schedules that came here: they made a job, were missed, or had no room",
            ("end",),
            registry=registry,
        )
        for end in ("made", "missed", "no_room"):
            self._firings.labels(end)

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._follow(), name="schedules")

    async def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> bool:
        """Hand in what is due now; whether there may be more."""
        if self._store.calm.holds:
            return False
        firings = await self._store.fire(self._clock(), MOST, fire)
        for each in firings:
            self._firings.labels("missed").inc(each.missed)
            if each.full:
                self._firings.labels("no_room").inc()
            elif each.made:
                self._firings.labels("made").inc()
                self._accepted.accepted()
        if any(each.made for each in firings):
            self._wake()
        return len(firings) == MOST

    async def _follow(self) -> None:
        while True:
            try:
                more = await self.look()
            except SQLAlchemyError as error:
                why = str(getattr(error, "orig", None) or error)[:256]
                logs.event("schedules cannot be looked at", level=logging.WARNING, why=why)
                more = False
            if not more:
                await asyncio.sleep(POLL_S)


def fire(schedule: ScheduleRecord, now_ms: int) -> Firing:
    """What a schedule whose time has come does now."""
    assert schedule.due_ms is not None
    found = times.due(schedule.cron, schedule.time_zone, schedule.due_ms, now_ms, schedule.missed)
    job = None if found.at_ms is None else job_of(schedule, found.at_ms, now_ms)
    return Firing(job, found.at_ms, found.next_ms, found.missed)


def job_of(schedule: ScheduleRecord, at_ms: int, now_ms: int) -> JobRecord:
    """The job of a time."""
    template: dict[str, Any] = json.loads(schedule.template)
    timeout_ms: int = template["timeout_ms"]
    return JobRecord(
        **template,
        id=ids.job_id(now_ms),
        tenant=schedule.tenant,
        request_id=f"schedule.{schedule.id}.{times.stamp(at_ms)}",
        created_ms=now_ms,
        deadline_ms=now_ms + timeout_ms if timeout_ms else None,
        request=schedule.request,
    )

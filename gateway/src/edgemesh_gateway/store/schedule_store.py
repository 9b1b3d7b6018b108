"""What is asked of the database about schedules.

Rules: as of `store`. A time makes its job and moves its schedule on in one transaction, with the
schedule's row locked; and the job has the time in its name, which is unique within its tenant.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session, defer

from edgemesh_gateway.store.calm import Calm
from edgemesh_gateway.store.database import Database
from edgemesh_gateway.store.job_records import JobRecord
from edgemesh_gateway.store.job_rows import insert_into
from edgemesh_gateway.store.job_store import JobStore
from edgemesh_gateway.store.schedule_records import ScheduleRecord
from edgemesh_gateway.store.store import Full
from mesh_service import logs

UNREADABLE = "INTERNAL: it cannot be read by this gateway: delete it, and make it anew"
NO_ROOM = "QUOTA_EXCEEDED: as many of the tenant's jobs wait as may"


@dataclass(slots=True)
class Firing:
    """What a schedule does when its time has come."""

    job: JobRecord | None
    """What it hands in; None: nothing."""
    at_ms: int | None
    """The time that this is of."""
    next_ms: int | None
    missed: int
    """Times that made nothing."""
    full: bool = False
    """Whether there was no room for the job."""
    made: bool = False
    """Whether a job was made."""


class ScheduleStore:
    """The schedules of a database."""

    def __init__(self, database: Database, jobs: JobStore) -> None:
        self._database, self._jobs = database, jobs
        self.calm = Calm(database)
        """Whether no schedule has a time to come."""

    async def add(self, record: ScheduleRecord, most: int) -> ScheduleRecord:
        """Keep one; what is kept then: that of the same id, if there is one.

        Raises Full where the tenant has `most`.
        """

        def work(session: Session) -> ScheduleRecord:
            there = session.scalars(_one(record.tenant, record.id)).first()
            if there is not None:
                return there
            mine = select(func.count()).where(ScheduleRecord.tenant == record.tenant)
            if (session.scalar(mine) or 0) >= most:
                raise Full
            row = {c.key: getattr(record, c.key) for c in ScheduleRecord.__table__.columns}
            # Another gateway may have had the name between the question and the insertion.
            session.execute(insert_into(session, ScheduleRecord).on_conflict_do_nothing(), [row])
            return session.scalars(_one(record.tenant, record.id)).one()

        return await self._database.run(work)

    async def get(self, tenant: str, id: str) -> ScheduleRecord | None:
        """One of the tenant's."""
        return await self._database.run(lambda session: session.scalars(_one(tenant, id)).first())

    async def list(self, tenant: str, after: str, most: int) -> Sequence[ScheduleRecord]:
        """The tenant's by id, without their work."""
        query = (
            select(ScheduleRecord)
            .where(ScheduleRecord.tenant == tenant, ScheduleRecord.id > after)
            .options(defer(ScheduleRecord.request))
            .order_by(ScheduleRecord.id)
            .limit(most)
        )
        return await self._database.run(lambda session: session.scalars(query).all())

    async def pause(self, tenant: str, id: str) -> ScheduleRecord | None:
        """Have it come no more; what it is then."""

        def work(session: Session) -> ScheduleRecord | None:
            found = session.scalars(_one(tenant, id).with_for_update()).first()
            if found is not None:
                found.paused, found.due_ms = True, None
            return found

        return await self._database.run(work)

    async def resume(
        self, tenant: str, id: str, coming: Callable[[ScheduleRecord], int | None]
    ) -> ScheduleRecord | None:
        """Have it come again, if it was paused; `coming`: when. What it is then."""

        def work(session: Session) -> ScheduleRecord | None:
            found = session.scalars(_one(tenant, id).with_for_update()).first()
            if found is not None and found.paused:
                found.paused, found.due_ms = False, coming(found)
            return found

        return await self._database.run(work)

    async def delete(self, tenant: str, id: str) -> bool:
        """Forget one; whether there was one."""

        def work(session: Session) -> bool:
            there = session.scalars(_one(tenant, id).with_for_update()).first() is not None
            same = ScheduleRecord.tenant == tenant, ScheduleRecord.id == id
            session.execute(delete(ScheduleRecord).where(*same))
            return there

        return await self._database.run(work)

    async def fire(
        self, now_ms: int, most: int, fire: Callable[[ScheduleRecord, int], Firing]
    ) -> Sequence[Firing]:
        """Have those whose time has come do what `fire` says, at most so many.

        Those that another gateway has in hand are passed over.
        """

        coming = select(func.count()).where(ScheduleRecord.due_ms.is_not(None))

        def work(session: Session) -> tuple[Sequence[Firing], int]:
            due = (
                select(ScheduleRecord)
                .where(ScheduleRecord.due_ms <= now_ms)
                .order_by(ScheduleRecord.due_ms, ScheduleRecord.tenant, ScheduleRecord.id)
                .limit(most)
                .with_for_update(skip_locked=True)
            )
            found = session.scalars(due).all()
            firings = [_fired(fire, each, now_ms) for each in found]
            jobs = [firing.job for firing in firings if firing.job is not None]
            kept = iter(self._jobs.hand_in(session, jobs) if jobs else ())
            for schedule, firing in zip(found, firings, strict=True):
                _move(schedule, firing, None if firing.job is None else next(kept))
            return firings, session.scalar(coming) or 0

        begun = self.calm.begin()
        firings, waiting = await self._database.run(work)
        self.calm.end(begun, waiting)
        return firings


def _fired(
    fire: Callable[[ScheduleRecord, int], Firing], schedule: ScheduleRecord, now_ms: int
) -> Firing:
    """What one does; one that cannot be read here must not keep others from theirs."""
    try:
        return fire(schedule, now_ms)
    except Exception as error:
        logs.event("schedule not read", level=logging.ERROR, exc_info=error, id=schedule.id)
        schedule.last_error = UNREADABLE
        return Firing(None, None, None, 0)


def _move(schedule: ScheduleRecord, firing: Firing, kept: JobRecord | Exception | None) -> None:
    schedule.due_ms = firing.next_ms
    schedule.skipped += firing.missed
    if isinstance(kept, JobRecord):
        assert firing.at_ms is not None
        assert firing.job is not None
        firing.made = kept.id == firing.job.id
        schedule.last_ms, schedule.last_job = firing.at_ms, kept.id
        schedule.fired += 1
        schedule.last_error = ""
    elif kept is not None:
        firing.full = True
        schedule.skipped += 1
        schedule.last_error = NO_ROOM


def _one(tenant: str, id: str) -> Select[ScheduleRecord]:
    return select(ScheduleRecord).where(ScheduleRecord.tenant == tenant, ScheduleRecord.id == id)

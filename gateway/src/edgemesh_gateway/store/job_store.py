"""What is asked of the database about jobs.

Rules: a job's state changes in one transaction with the event that tells of it. What an owner says
of a job counts only while it is the owner, in the attempt that it means: so a job has one end,
whoever else believes to run it. Submissions, ends and events are many and small, and are committed
in groups; a submission is acknowledged after its commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from edgemesh.compute.v1 import job_pb2
from sqlalchemy import CursorResult, func, select, tuple_, update
from sqlalchemy.orm import Session, defer

from edgemesh_gateway.store.calm import Calm
from edgemesh_gateway.store.database import Database
from edgemesh_gateway.store.group import Group
from edgemesh_gateway.store.job_ends import end, follow, lock
from edgemesh_gateway.store.job_records import ERROR, JobEventRecord, JobRecord
from edgemesh_gateway.store.job_rows import LIGHT, forget, insert_into, row, tell
from edgemesh_gateway.store.job_sweep import standing, sweep
from edgemesh_gateway.store.job_terms import Asked, Change, Claim, Claimed, Standing, Swept
from edgemesh_gateway.store.job_turns import take
from edgemesh_gateway.store.store import Full
from mesh_service import errors, translate

QUEUED, RUNNING = job_pb2.JOB_STATE_QUEUED, job_pb2.JOB_STATE_RUNNING
CANCELLED = job_pb2.JOB_STATE_CANCELLED


class JobStore:
    """The jobs of a database."""

    def __init__(self, database: Database, most_waiting: int) -> None:
        """`most_waiting`: jobs of one tenant that may wait."""
        self._database, self._most = database, most_waiting
        self.calm = Calm(database)
        """Whether no job waits or runs."""
        self._submissions: Group[JobRecord, JobRecord] = Group(database, self.hand_in)
        self._changes: Group[Change, bool] = Group(database, _change)

    async def submit(self, record: JobRecord) -> JobRecord:
        """Keep a job; what is kept then: that of the same tenant and request id, if there is one.

        Raises Full where as many of the tenant's wait as may.
        """
        return await self._submissions.do(record)

    async def change(self, change: Change) -> bool:
        """Change a running job; False: it is not the owner's any more, or ended."""
        return await self._changes.do(change)

    async def job(self, tenant: str, id: str, *, light: bool = True) -> JobRecord | None:
        """One of the tenant's; `light`: without request and result."""
        query = select(JobRecord).where(JobRecord.id == id, JobRecord.tenant == tenant)
        if light:
            query = query.options(*LIGHT)
        return await self._database.run(lambda session: session.scalars(query).first())

    async def jobs(self, tenant: str, asked: Asked) -> Sequence[JobRecord]:
        """The tenant's, newest first."""
        query = select(JobRecord).options(*LIGHT).where(JobRecord.tenant == tenant)
        if asked.states:
            query = query.where(JobRecord.state.in_(asked.states))
        if asked.algorithm:
            query = query.where(JobRecord.algorithm == asked.algorithm)
        if asked.from_ms:
            query = query.where(JobRecord.created_ms >= asked.from_ms)
        if asked.before_ms:
            query = query.where(JobRecord.created_ms < asked.before_ms)
        if asked.before_id:
            query = query.where(JobRecord.id < asked.before_id)
        query = query.order_by(JobRecord.id.desc()).limit(asked.most)
        return await self._database.run(lambda session: session.scalars(query).all())

    async def events(self, id: str, after: int, most: int) -> Sequence[JobEventRecord]:
        """Those after a sequence, in order."""
        query = (
            select(JobEventRecord)
            .where(JobEventRecord.job == id, JobEventRecord.sequence > after)
            .order_by(JobEventRecord.sequence)
            .limit(most)
        )
        return await self._database.run(lambda session: session.scalars(query).all())

    async def cancel(self, tenant: str, id: str, now_ms: int, error: bytes) -> JobRecord | None:
        """Ask for a job's end; one that waits ends at once, with `error`."""

        def work(session: Session) -> JobRecord | None:
            same = JobRecord.id == id, JobRecord.tenant == tenant
            lock(session, [session.scalar(select(JobRecord.chain).where(*same))])
            query = select(JobRecord).where(*same)
            job = session.scalars(query.options(*LIGHT).with_for_update()).first()
            if job is not None and job.state == QUEUED:
                end(session, job, CANCELLED, error, now_ms)
            elif job is not None and job.state == RUNNING:
                job.cancelling = True
            return job

        return await self._database.run(work)

    async def delete(self, tenant: str, id: str) -> JobRecord | None:
        """Forget a job that has ended; what it was: one that has not is left, and a chain's."""

        def work(session: Session) -> JobRecord | None:
            query = select(JobRecord).where(JobRecord.id == id, JobRecord.tenant == tenant)
            job = session.scalars(query.options(*LIGHT).with_for_update()).first()
            if job is not None and job.state not in (QUEUED, RUNNING) and job.chain is None:
                forget(session, [id])
            return job

        return await self._database.run(work)

    async def known(self, ids: Sequence[str]) -> set[str]:
        """Which of these jobs there are."""
        query = select(JobRecord.id).where(JobRecord.id.in_(ids))
        return set(await self._database.run(lambda session: session.scalars(query).all()))

    async def claim(self, claim: Claim) -> Claimed:
        """Take jobs whose turn it is, one tenant after the other."""
        return await self._database.run(lambda session: take(session, claim))

    async def sweep(
        self, owner: str, now_ms: int, until_ms: int | None, expired: bytes, lost: bytes
    ) -> Swept:
        """Renew the owner's lease (None: it holds nothing), take back what others let lie, give up
        what is too late, and forget what is old enough. `expired`, `lost`: the errors of these.
        """

        return await self._database.run(
            lambda session: sweep(session, owner, now_ms, until_ms, expired, lost)
        )

    async def standing(self) -> Standing:
        """What waits and runs now, of all gateways."""
        begun = self.calm.begin()
        found = await self._database.run(standing)
        self.calm.end(begun, found.queued + found.running)
        return found

    def room(self, session: Session, tenant: str) -> int:
        """How many more of a tenant's may wait, within a transaction."""
        return self._most - _waiting(session, tenant)

    def hand_in(
        self, session: Session, records: Sequence[JobRecord]
    ) -> Sequence[JobRecord | Exception]:
        """What `submit` does with each, within a transaction."""
        room = {tenant: self.room(session, tenant) for tenant in _tenants(records)}
        named = [(r.tenant, r.request_id) for r in records if r.request_id is not None]
        taken = _named(session, named)
        given: list[JobRecord | Exception] = []
        fresh: list[JobRecord] = []
        for record in records:
            key = record.tenant, record.request_id
            if record.request_id is not None and key in taken:
                given.append(taken[key])
                continue
            if room[record.tenant] <= 0:
                given.append(Full())
                continue
            room[record.tenant] -= 1
            if record.request_id is not None:
                taken[key] = record
            fresh.append(record)
            given.append(record)
        if not fresh:
            return given
        rows = [{c.key: getattr(r, c.key) for c in JobRecord.__table__.columns} for r in fresh]
        session.execute(insert_into(session, JobRecord).on_conflict_do_nothing(), rows)
        # Another gateway may have had one of these names between the question and the insertion.
        faster = _named(session, [k for k in named if taken[k] in fresh]) if named else {}
        return [
            faster.get((r.tenant, r.request_id), r) if isinstance(r, JobRecord) else r
            for r in given
        ]


def _tenants(records: Iterable[JobRecord]) -> set[str]:
    return {record.tenant for record in records}


def _waiting(session: Session, tenant: str) -> int:
    query = select(func.count()).where(JobRecord.state == QUEUED, JobRecord.tenant == tenant)
    return session.scalar(query) or 0


def _named(
    session: Session, names: Sequence[tuple[str, str | None]]
) -> dict[tuple[str, str | None], JobRecord]:
    if not names:
        return {}
    query = select(JobRecord).where(tuple_(JobRecord.tenant, JobRecord.request_id).in_(names))
    query = query.options(defer(JobRecord.result))
    return {(job.tenant, job.request_id): job for job in session.scalars(query)}


def _change(session: Session, changes: Sequence[Change]) -> Sequence[bool | Exception]:
    lock(session, [change.chain for change in changes if change.ends or change.again])
    done: list[bool] = []
    rows: list[dict[str, Any]] = []
    for change in changes:
        if change.again and (job := _cancelled(session, change)) is not None:
            error = translate.to_status(errors.Cancelled()).SerializeToString()
            end(session, job, CANCELLED, error, change.happenings[-1].at_ms)
            done.append(True)
            continue
        statement = (
            update(JobRecord)
            .where(
                JobRecord.id == change.id,
                JobRecord.owner == change.owner,
                JobRecord.attempts == change.attempt,
                JobRecord.state == RUNNING,
            )
            .values(**change.fields)
            .execution_options(synchronize_session=False)
        )
        found = cast("CursorResult[Any]", session.execute(statement)).rowcount == 1
        done.append(found)
        if found:
            rows += [row(change.id, happening) for happening in change.happenings]
            if change.ends:
                _ended(session, change)
    tell(session, rows)
    return done


def _cancelled(session: Session, change: Change) -> JobRecord | None:
    """The job of a change, where its end was asked for while its attempt was made."""
    query = select(JobRecord).where(
        JobRecord.id == change.id,
        JobRecord.owner == change.owner,
        JobRecord.attempts == change.attempt,
        JobRecord.state == RUNNING,
        JobRecord.cancelling.is_(True),
    )
    query = query.options(*LIGHT).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).first()


def _ended(session: Session, change: Change) -> None:
    query = select(JobRecord).where(JobRecord.id == change.id).options(*LIGHT)
    job = session.scalars(query.execution_options(populate_existing=True)).one()
    error = change.fields["result"] if change.fields["result_kind"] == ERROR else None
    follow(session, job, error, change.fields["ended_ms"])

"""What is asked of the database about jobs.

Rules: a job's state changes in one transaction with the event that tells of it. What an owner says
of a job counts only while it is the owner, in the attempt that it means: so a job has one end,
whoever else believes to run it. Submissions, ends and events are many and small, and are committed
in groups; a submission is acknowledged after its commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from edgemesh.compute.v1 import job_pb2
from sqlalchemy import (
    CursorResult,
    Insert,
    Select,
    delete,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, defer

from edgemesh_gateway.store.database import Database
from edgemesh_gateway.store.group import Group
from edgemesh_gateway.store.job_records import JobEventRecord, JobOwnerRecord, JobRecord
from edgemesh_gateway.store.records import Base
from edgemesh_gateway.store.store import Full

QUEUED, RUNNING = job_pb2.JOB_STATE_QUEUED, job_pb2.JOB_STATE_RUNNING
CANCELLED, EXPIRED = job_pb2.JOB_STATE_CANCELLED, job_pb2.JOB_STATE_EXPIRED
MOST_PAIRS = 64
"""Tenants' namespaces that one claim looks at; the next goes on with those after them."""
IN_A_ROW = 4
"""Jobs that one tenant gets of a namespace before another's turn."""
MOST_SWEPT = 500
_LIGHT = (defer(JobRecord.request), defer(JobRecord.result))


@dataclass(frozen=True, slots=True)
class Happening:
    """An event that is not kept yet."""

    sequence: int
    at_ms: int
    attempt: int
    state: int = 0
    work: bytes = b""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of an attempt, as its owner says."""

    id: str
    owner: str
    attempt: int
    fields: Mapping[str, Any]
    """New values of columns."""
    happenings: Sequence[Happening] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """What an owner can take."""

    owner: str
    now_ms: int
    until_ms: int
    """Until when its lease is."""
    executors: Mapping[str, str]
    """Namespace → the executor that has it."""
    places: Mapping[str, int]
    """Executor → how many jobs it can take."""
    after: tuple[str, str] = ("", "")
    """The tenant and namespace that was last served."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What it got."""

    jobs: Sequence[JobRecord]
    after: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for in a list."""

    states: Sequence[int] = ()
    algorithm: str = ""
    from_ms: int = 0
    before_ms: int = 0
    before_id: str = ""
    most: int = 100


@dataclass(slots=True)
class Swept:
    """What a round found."""

    cancelling: list[str] = field(default_factory=list[str])
    """The owner's jobs whose end was asked for."""
    ended: list[str] = field(default_factory=list[str])
    """Jobs that ended or came back into the queue in this round."""
    forgotten: list[str] = field(default_factory=list[str])


class JobStore:
    """The jobs of a database."""

    def __init__(self, database: Database, most_waiting: int) -> None:
        """`most_waiting`: jobs of one tenant that may wait."""
        self._database, self._most = database, most_waiting
        self._submissions: Group[JobRecord, JobRecord] = Group(database, self._submit)
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
            query = query.options(*_LIGHT)
        return await self._database.run(lambda session: session.scalars(query).first())

    async def jobs(self, tenant: str, asked: Asked) -> Sequence[JobRecord]:
        """The tenant's, newest first."""
        query = select(JobRecord).options(*_LIGHT).where(JobRecord.tenant == tenant)
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
            query = select(JobRecord).where(JobRecord.id == id, JobRecord.tenant == tenant)
            job = session.scalars(query.options(*_LIGHT).with_for_update()).first()
            if job is not None and job.state == QUEUED:
                _end(session, job, CANCELLED, error, now_ms)
            elif job is not None and job.state == RUNNING:
                job.cancelling = True
            return job

        return await self._database.run(work)

    async def delete(self, tenant: str, id: str) -> JobRecord | None:
        """Forget a job that has ended; what it was: one that has not is left."""

        def work(session: Session) -> JobRecord | None:
            query = select(JobRecord).where(JobRecord.id == id, JobRecord.tenant == tenant)
            job = session.scalars(query.options(*_LIGHT).with_for_update()).first()
            if job is not None and job.state not in (QUEUED, RUNNING):
                _forget(session, [id])
            return job

        return await self._database.run(work)

    async def known(self, ids: Sequence[str]) -> set[str]:
        """Which of these jobs there are."""
        query = select(JobRecord.id).where(JobRecord.id.in_(ids))
        return set(await self._database.run(lambda session: session.scalars(query).all()))

    async def claim(self, claim: Claim) -> Claimed:
        """Take jobs whose turn it is, one tenant after the other."""
        return await self._database.run(lambda session: _claim(session, claim))

    async def sweep(
        self, owner: str, now_ms: int, until_ms: int | None, expired: bytes, lost: bytes
    ) -> Swept:
        """Renew the owner's lease (None: it holds nothing), take back what others let lie, give up
        what is too late, and forget what is old enough. `expired`, `lost`: the errors of these.
        """

        def work(session: Session) -> Swept:
            swept = Swept()
            if until_ms is not None:
                _renew(session, owner, until_ms)
            own = select(JobRecord.id).where(
                JobRecord.owner == owner, JobRecord.state == RUNNING, JobRecord.cancelling.is_(True)
            )
            swept.cancelling.extend(session.scalars(own))
            swept.ended.extend(_take_back(session, owner, now_ms, lost))
            late = _some(JobRecord.deadline_ms <= now_ms).where(JobRecord.state == QUEUED)
            for job in session.scalars(late).all():
                _end(session, job, EXPIRED, expired, now_ms)
                swept.ended.append(job.id)
            old = session.scalars(
                select(JobRecord.id).where(JobRecord.expires_ms <= now_ms).limit(MOST_SWEPT)
            ).all()
            if old:
                _forget(session, old)
                swept.forgotten.extend(old)
            return swept

        return await self._database.run(work)

    async def counts(self) -> dict[int, int]:
        """How many there are in each state."""
        query = select(JobRecord.state, func.count()).group_by(JobRecord.state)
        rows = await self._database.run(lambda session: session.execute(query).all())
        return {int(state): int(count) for state, count in rows}

    def _submit(
        self, session: Session, records: Sequence[JobRecord]
    ) -> Sequence[JobRecord | Exception]:
        room = {tenant: self._most - _waiting(session, tenant) for tenant in _tenants(records)}
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
        session.execute(_insert(session, JobRecord).on_conflict_do_nothing(), rows)
        # Another gateway may have had one of these names between the question and the insertion.
        faster = _named(session, [k for k in named if taken[k] in fresh]) if named else {}
        return [
            faster.get((r.tenant, r.request_id), r) if isinstance(r, JobRecord) else r
            for r in given
        ]


def _insert(session: Session, kind: type[Base]) -> Any:
    postgres = session.get_bind().dialect.name == "postgresql"
    return (postgresql if postgres else sqlite).insert(kind)


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
    done: list[bool] = []
    rows: list[dict[str, Any]] = []
    for change in changes:
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
            rows += [_row(change.id, happening) for happening in change.happenings]
    _tell(session, rows)
    return done


def _claim(session: Session, claim: Claim) -> Claimed:
    left = {name: count for name, count in claim.places.items() if count > 0}
    jobs: list[JobRecord] = []
    after, wrapped = claim.after, False
    seen: set[tuple[str, str]] = set()
    for _ in range(MOST_PAIRS):
        open_now = [n for n, executor in claim.executors.items() if left.get(executor, 0) > 0]
        if not open_now:
            break
        pair = session.execute(_next_pair(after, open_now)).first()
        if pair is None:
            if wrapped:
                break
            after, wrapped = ("", ""), True
            continue
        after = tenant, namespace = str(pair[0]), str(pair[1])
        if after in seen and wrapped:
            # Round again while somebody has more; who had nothing that is due is not asked twice.
            wrapped, seen = False, set[tuple[str, str]]()
        seen.add(after)
        executor = claim.executors[namespace]
        most = min(left[executor], IN_A_ROW)
        taken = session.scalars(_due(tenant, namespace, claim.now_ms, most)).all()
        left[executor] -= len(taken)
        for job in taken:
            _take(session, job, claim)
        if taken:
            session.flush()
        jobs.extend(taken)
    if jobs:
        _renew(session, claim.owner, claim.until_ms)
        _tell(
            session,
            [_row(j.id, Happening(j.last_event, claim.now_ms, j.attempts, RUNNING)) for j in jobs],
        )
    return Claimed(jobs, after)


def _take(session: Session, job: JobRecord, claim: Claim) -> None:
    job.state, job.owner = RUNNING, claim.owner
    job.attempts += 1
    job.begun = False
    job.started_ms = claim.now_ms
    job.last_event += 1


def _next_pair(after: tuple[str, str], namespaces: Sequence[str]) -> Select[str, str]:
    return (
        select(JobRecord.tenant, JobRecord.namespace)
        .where(
            JobRecord.state == QUEUED,
            tuple_(JobRecord.tenant, JobRecord.namespace) > after,
            JobRecord.namespace.in_(namespaces),
        )
        .order_by(JobRecord.tenant, JobRecord.namespace)
        .limit(1)
    )


def _due(tenant: str, namespace: str, now_ms: int, most: int) -> Select[JobRecord]:
    return (
        select(JobRecord)
        .where(
            JobRecord.state == QUEUED,
            JobRecord.tenant == tenant,
            JobRecord.namespace == namespace,
            JobRecord.due_ms <= now_ms,
            or_(JobRecord.deadline_ms.is_(None), JobRecord.deadline_ms > now_ms),
        )
        .order_by(JobRecord.priority, JobRecord.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )


def _some(condition: Any) -> Select[JobRecord]:
    query = select(JobRecord).where(condition).options(*_LIGHT).limit(MOST_SWEPT)
    return query.with_for_update(skip_locked=True)


def _take_back(session: Session, owner: str, now_ms: int, lost: bytes) -> list[str]:
    """Jobs of gateways whose lease has passed: into the queue again, or to their end."""
    gone = session.scalars(
        select(JobOwnerRecord.owner).where(
            JobOwnerRecord.until_ms < now_ms, JobOwnerRecord.owner != owner
        )
    ).all()
    moved: list[str] = []
    for each in gone:
        left = session.scalars(_some(JobRecord.owner == each)).all()
        for job in left:
            if job.begun:
                _end(session, job, job_pb2.JOB_STATE_LOST, lost, now_ms)
            elif job.cancelling:
                _end(session, job, CANCELLED, lost, now_ms)
            elif job.attempts >= job.max_attempts:
                _end(session, job, job_pb2.JOB_STATE_DEAD, lost, now_ms)
            else:
                job.state, job.owner = QUEUED, None
                job.last_event += 1
                event = Happening(job.last_event, now_ms, job.attempts, QUEUED)
                _tell(session, [_row(job.id, event)])
            moved.append(job.id)
        if len(left) < MOST_SWEPT:
            session.flush()
            still = select(func.count()).where(JobRecord.owner == each)
            if not session.scalar(still):
                session.execute(delete(JobOwnerRecord).where(JobOwnerRecord.owner == each))
    return moved


def _end(session: Session, job: JobRecord, state: int, error: bytes, now_ms: int) -> None:
    job.state, job.owner, job.ended_ms = state, None, now_ms
    job.expires_ms, job.deadline_ms = now_ms + job.ttl_ms, None
    job.result_kind, job.result = 1, error
    job.last_event += 1
    _tell(session, [_row(job.id, Happening(job.last_event, now_ms, job.attempts, state))])


def _forget(session: Session, ids: Sequence[str]) -> None:
    session.execute(delete(JobEventRecord).where(JobEventRecord.job.in_(ids)))
    session.execute(delete(JobRecord).where(JobRecord.id.in_(ids)))


def _renew(session: Session, owner: str, until_ms: int) -> None:
    statement = _insert(session, JobOwnerRecord).values(owner=owner, until_ms=until_ms)
    renewed = statement.on_conflict_do_update(index_elements=["owner"], set_={"until_ms": until_ms})
    session.execute(renewed)


def _tell(session: Session, rows: list[dict[str, Any]]) -> None:
    if rows:
        statement: Insert = insert(JobEventRecord)
        session.execute(statement, rows)


def _row(job: str, happening: Happening) -> dict[str, Any]:
    return {
        "job": job,
        "sequence": happening.sequence,
        "at_ms": happening.at_ms,
        "attempt": happening.attempt,
        "state": happening.state,
        "work": happening.work,
    }

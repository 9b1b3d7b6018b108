"""What a round over the jobs finds: leases that passed, what is too late, what is old enough.

Rules: called within a transaction; at most MOST_SWEPT of each kind, the next round goes on.
"""

from __future__ import annotations

from typing import Any

from edgemesh.compute.v1 import job_pb2
from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from edgemesh_gateway.store.chain_records import ChainRecord
from edgemesh_gateway.store.job_ends import end, lock
from edgemesh_gateway.store.job_records import JobOwnerRecord, JobRecord
from edgemesh_gateway.store.job_rows import LIGHT, forget, renew, row, tell
from edgemesh_gateway.store.job_terms import Ended, Happening, Standing, Swept

QUEUED, RUNNING = job_pb2.JOB_STATE_QUEUED, job_pb2.JOB_STATE_RUNNING
CANCELLED, EXPIRED = job_pb2.JOB_STATE_CANCELLED, job_pb2.JOB_STATE_EXPIRED
MOST_SWEPT = 500


def sweep(
    session: Session, owner: str, now_ms: int, until_ms: int | None, expired: bytes, lost: bytes
) -> Swept:
    """One round of an owner's; see `JobStore.sweep`."""
    swept = Swept()
    if until_ms is not None:
        renew(session, owner, until_ms)
    own = select(JobRecord.id).where(
        JobRecord.owner == owner, JobRecord.state == RUNNING, JobRecord.cancelling.is_(True)
    )
    swept.cancelling.extend(session.scalars(own))
    for job in _take_back(session, owner, now_ms, lost):
        swept.ended.append(job.id)
        swept.taken_over += 1
        if job.state != QUEUED:
            swept.ends.append(Ended(job.state, job.created_ms, now_ms))
    late = _some(JobRecord.deadline_ms <= now_ms).where(JobRecord.state == QUEUED)
    for job in session.scalars(late).all():
        if job.state != QUEUED or not lock(session, [job.chain], wait=False):
            continue  # a step before it has just ended it; or the next round does
        end(session, job, EXPIRED, expired, now_ms)
        swept.ended.append(job.id)
        swept.ends.append(Ended(EXPIRED, job.created_ms, now_ms))
    old = session.scalars(
        select(JobRecord.id).where(JobRecord.expires_ms <= now_ms).limit(MOST_SWEPT)
    ).all()
    session.execute(delete(ChainRecord).where(ChainRecord.expires_ms <= now_ms))
    if old:
        forget(session, old)
        swept.forgotten.extend(old)
    return swept


def standing(session: Session) -> Standing:
    """What waits and runs."""
    query = (
        select(JobRecord.state, func.count(), func.min(JobRecord.id))
        .where(JobRecord.state.in_((QUEUED, RUNNING)))
        .group_by(JobRecord.state)
    )
    found = {int(row[0]): (int(row[1]), str(row[2])) for row in session.execute(query)}
    queued, first = found.get(QUEUED, (0, None))
    first_ms = None
    if first is not None:  # ids sort by the time of submission
        first_ms = session.scalar(select(JobRecord.created_ms).where(JobRecord.id == first))
    return Standing(queued, found.get(RUNNING, (0, None))[0], first_ms)


def _take_back(session: Session, owner: str, now_ms: int, lost: bytes) -> list[JobRecord]:
    """Jobs of gateways whose lease has passed: into the queue again, or to their end."""
    gone = session.scalars(
        select(JobOwnerRecord.owner).where(
            JobOwnerRecord.until_ms < now_ms, JobOwnerRecord.owner != owner
        )
    ).all()
    moved: list[JobRecord] = []
    for each in gone:
        left = session.scalars(_some(JobRecord.owner == each)).all()
        for job in left:
            # Surely nothing of it was sent: that was no attempt.
            unsent = not job.idempotent and not job.begun
            again = not job.begun and not job.cancelling
            again = again and (unsent or job.attempts < job.max_attempts)
            if not again and not lock(session, [job.chain], wait=False):
                continue  # the next round does
            if job.begun:
                end(session, job, job_pb2.JOB_STATE_LOST, lost, now_ms)
            elif job.cancelling:
                end(session, job, CANCELLED, lost, now_ms)
            elif not again:
                end(session, job, job_pb2.JOB_STATE_DEAD, lost, now_ms)
            else:
                job.attempts -= unsent
                job.state, job.owner = QUEUED, None
                job.last_event += 1
                event = Happening(job.last_event, now_ms, job.attempts, QUEUED)
                tell(session, [row(job.id, event)])
            moved.append(job)
        if len(left) < MOST_SWEPT:
            session.flush()
            still = select(func.count()).where(JobRecord.owner == each)
            if not session.scalar(still):
                session.execute(delete(JobOwnerRecord).where(JobOwnerRecord.owner == each))
    return moved


def _some(condition: Any) -> Select[JobRecord]:
    query = select(JobRecord).where(condition).options(*LIGHT).limit(MOST_SWEPT)
    return query.with_for_update(skip_locked=True)

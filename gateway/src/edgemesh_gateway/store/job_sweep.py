"""What a round over the jobs finds: leases that passed, what is too late, what is old enough.

Rules: called within a transaction; at most MOST_SWEPT of each kind, the next round goes on.
"""

from __future__ import annotations

from typing import Any

from edgemesh.compute.v1 import job_pb2
from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from edgemesh_gateway.store.job_records import JobOwnerRecord, JobRecord
from edgemesh_gateway.store.job_rows import LIGHT, end, forget, renew, row, tell
from edgemesh_gateway.store.job_terms import Happening, Swept

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
    swept.ended.extend(_take_back(session, owner, now_ms, lost))
    late = _some(JobRecord.deadline_ms <= now_ms).where(JobRecord.state == QUEUED)
    for job in session.scalars(late).all():
        end(session, job, EXPIRED, expired, now_ms)
        swept.ended.append(job.id)
    old = session.scalars(
        select(JobRecord.id).where(JobRecord.expires_ms <= now_ms).limit(MOST_SWEPT)
    ).all()
    if old:
        forget(session, old)
        swept.forgotten.extend(old)
    return swept


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
                end(session, job, job_pb2.JOB_STATE_LOST, lost, now_ms)
            elif job.cancelling:
                end(session, job, CANCELLED, lost, now_ms)
            elif job.attempts >= job.max_attempts:
                end(session, job, job_pb2.JOB_STATE_DEAD, lost, now_ms)
            else:
                job.state, job.owner = QUEUED, None
                job.last_event += 1
                event = Happening(job.last_event, now_ms, job.attempts, QUEUED)
                tell(session, [row(job.id, event)])
            moved.append(job.id)
        if len(left) < MOST_SWEPT:
            session.flush()
            still = select(func.count()).where(JobRecord.owner == each)
            if not session.scalar(still):
                session.execute(delete(JobOwnerRecord).where(JobOwnerRecord.owner == each))
    return moved


def _some(condition: Any) -> Select[JobRecord]:
    query = select(JobRecord).where(condition).options(*LIGHT).limit(MOST_SWEPT)
    return query.with_for_update(skip_locked=True)

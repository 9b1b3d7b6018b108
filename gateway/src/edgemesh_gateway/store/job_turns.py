"""Whose turn it is: tenants and their namespaces one after another, some jobs of each.

Rules: called within a transaction. What another gateway takes in this moment is passed over.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgemesh.compute.v1 import job_pb2
from sqlalchemy import Select, or_, select, tuple_
from sqlalchemy.orm import Session

from edgemesh_gateway.store.job_records import JobRecord
from edgemesh_gateway.store.job_rows import renew, row, tell
from edgemesh_gateway.store.job_terms import Claim, Claimed, Happening

QUEUED, RUNNING = job_pb2.JOB_STATE_QUEUED, job_pb2.JOB_STATE_RUNNING
MOST_PAIRS = 64
"""Tenants' namespaces that one claim looks at; the next goes on with those after them."""
IN_A_ROW = 4
"""Jobs that one tenant gets of a namespace before another's turn."""


def take(session: Session, claim: Claim) -> Claimed:
    """Take jobs for an owner."""
    left = {name: count for name, count in claim.places.items() if count > 0}
    jobs: list[JobRecord] = []
    after, wrapped, got = claim.after, False, False
    for _ in range(MOST_PAIRS):
        open_now = [n for n, executor in claim.executors.items() if left.get(executor, 0) > 0]
        if not open_now:
            break
        pair = session.execute(_next_pair(after, open_now)).first()
        if pair is None:
            if wrapped and not got:
                break
            # Round again while somebody has more.
            after, wrapped, got = ("", ""), True, False
            continue
        after = tenant, namespace = str(pair[0]), str(pair[1])
        executor = claim.executors[namespace]
        most = min(left[executor], IN_A_ROW)
        taken = session.scalars(_due(tenant, namespace, claim.now_ms, most)).all()
        left[executor] -= len(taken)
        for job in taken:
            _take(session, job, claim)
        if taken:
            session.flush()
        jobs.extend(taken)
        got = got or bool(taken)
    if jobs:
        renew(session, claim.owner, claim.until_ms)
        tell(
            session,
            [row(j.id, Happening(j.last_event, claim.now_ms, j.attempts, RUNNING)) for j in jobs],
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

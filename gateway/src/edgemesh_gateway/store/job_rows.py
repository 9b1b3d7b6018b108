"""Rows of jobs: what becomes of one, with the event that tells of it.

Rules: called within a transaction; a state never changes without its event.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Insert, delete, insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, defer

from edgemesh_gateway.store.job_records import JobEventRecord, JobOwnerRecord, JobRecord
from edgemesh_gateway.store.job_terms import Happening
from edgemesh_gateway.store.records import Base
from edgemesh_gateway.store.webhook_records import WebhookRecord

LIGHT = (defer(JobRecord.request), defer(JobRecord.result))
"""Without what may be large."""


def insert_into(session: Session, kind: type[Base]) -> Any:
    """An insertion that may meet what is there already."""
    postgres = session.get_bind().dialect.name == "postgresql"
    return (postgresql if postgres else sqlite).insert(kind)


def forget(session: Session, ids: Sequence[str]) -> None:
    """Forget jobs and their events; what is owed to a webhook still is."""
    told = WebhookRecord.job.in_(ids), WebhookRecord.ended_ms > 0
    session.execute(delete(WebhookRecord).where(*told))
    session.execute(delete(JobEventRecord).where(JobEventRecord.job.in_(ids)))
    session.execute(delete(JobRecord).where(JobRecord.id.in_(ids)))


def renew(session: Session, owner: str, until_ms: int) -> None:
    """Have an owner's lease last until then."""
    statement = insert_into(session, JobOwnerRecord).values(owner=owner, until_ms=until_ms)
    renewed = statement.on_conflict_do_update(index_elements=["owner"], set_={"until_ms": until_ms})
    session.execute(renewed)


def tell(session: Session, rows: list[dict[str, Any]]) -> None:
    """Keep events."""
    if rows:
        statement: Insert = insert(JobEventRecord)
        session.execute(statement, rows)


def row(job: str, happening: Happening) -> dict[str, Any]:
    """An event of a job."""
    return {
        "job": job,
        "sequence": happening.sequence,
        "at_ms": happening.at_ms,
        "attempt": happening.attempt,
        "state": happening.state,
        "work": happening.work,
    }

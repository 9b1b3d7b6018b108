"""Everything of one tenant in the database: counted, and deleted.

Rules: which tables there are is asked of the schema, so that none is forgotten. A table that has a
column `tenant` belongs to tenants; one that has `job` to the tenants of its jobs; any other must be
named in NOBODYS, and a test holds that. What names a tenant in another's rows is said in MENTIONS.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from edgemesh.compute.v1 import job_pb2
from sqlalchemy import ColumnElement, CursorResult, Table, delete, func, select, update
from sqlalchemy.orm import Session

from edgemesh_gateway.store.database import Database
from edgemesh_gateway.store.job_ends import end, lock
from edgemesh_gateway.store.job_records import JobRecord
from edgemesh_gateway.store.job_rows import LIGHT
from edgemesh_gateway.store.records import Base, KeyRecord

NOBODYS = frozenset({"job_owners"})
"""Tables that tell of gateways."""
ERASED = "erased"
_QUEUED, _RUNNING = job_pb2.JOB_STATE_QUEUED, job_pb2.JOB_STATE_RUNNING
_CANCELLED = job_pb2.JOB_STATE_CANCELLED


class Unplaced(Exception):
    """Nobody has said whose the rows of a table are."""


class ErasureStore:
    """What a database has of a tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.shared = database.shared

    async def count(self, tenant: str) -> dict[str, int]:
        """How many rows of each table; none that has none."""

        def work(session: Session) -> dict[str, int]:
            found = {
                table.name: session.scalar(select(func.count()).select_from(table).where(theirs))
                for table, theirs in _belonging(tenant)
            }
            return {name: count for name, count in found.items() if count}

        return await self._database.run(work)

    async def erase(self, tenant: str) -> dict[str, int]:
        """Delete them all, in one transaction; how many there were."""

        def work(session: Session) -> dict[str, int]:
            erased: dict[str, int] = {}
            for table, theirs in _belonging(tenant):
                result = cast("CursorResult[Any]", session.execute(delete(table).where(theirs)))
                if result.rowcount:
                    erased[table.name] = result.rowcount
            _unmention(session, tenant)
            return erased

        return await self._database.run(work)

    async def scrub(self) -> bool:
        """Leave nothing of what was deleted in a database's file; False: somebody reads it now."""
        return await self._database.scrub()

    async def keys(self, tenant: str) -> int:
        """Delete the tenant's keys; how many there were."""

        def work(session: Session) -> int:
            gone = delete(KeyRecord).where(KeyRecord.tenant == tenant)
            return cast("CursorResult[Any]", session.execute(gone)).rowcount

        return await self._database.run(work)

    async def jobs(self, tenant: str) -> Sequence[str]:
        """The tenant's jobs."""
        query = select(JobRecord.id).where(JobRecord.tenant == tenant)
        return await self._database.run(lambda session: session.scalars(query).all())

    async def cancel(self, tenant: str, now_ms: int, error: bytes) -> Sequence[str]:
        """Ask for the end of all of the tenant's jobs; those that run still."""

        def work(session: Session) -> Sequence[str]:
            theirs = JobRecord.tenant == tenant
            lock(session, session.scalars(select(JobRecord.chain).where(theirs).distinct()))
            query = select(JobRecord).where(theirs, JobRecord.state.in_((_QUEUED, _RUNNING)))
            running: list[str] = []
            for job in session.scalars(query.options(*LIGHT).with_for_update()):
                if job.state == _QUEUED:
                    end(session, job, _CANCELLED, error, now_ms)
                elif job.state == _RUNNING:  # else it was a step after one that has just ended
                    job.cancelling = True
                    running.append(job.id)
            return running

        return await self._database.run(work)


def place(table: Table) -> str:
    """The column by which a table's rows are a tenant's; empty: they are nobody's.

    Raises Unplaced.
    """
    for column in ("tenant", "job"):
        if column in table.columns:
            return column
    if table.name in NOBODYS:
        return ""
    raise Unplaced(table.name)


def _belonging(tenant: str) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """Tables and which of their rows are a tenant's; what hangs on jobs before the jobs."""
    jobs = select(JobRecord.id).where(JobRecord.tenant == tenant)
    placed = [(place(table), table) for table in Base.metadata.sorted_tables]
    for _, table in [each for each in placed if each[0] == "job"]:
        yield table, table.columns["job"].in_(jobs)
    for _, table in [each for each in placed if each[0] == "tenant"]:
        yield table, table.columns["tenant"] == tenant


def _unmention(session: Session, tenant: str) -> None:
    """Keys of others' say who has made them: `<tenant> <how it was known>`."""
    begins = KeyRecord.created_by.startswith(f"{tenant} ", autoescape=True)
    session.execute(update(KeyRecord).where(begins).values(created_by=ERASED))

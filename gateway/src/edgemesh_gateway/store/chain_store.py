"""What is asked of the database about chains.

Rules: as of `store`. A chain is kept with all of its jobs or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgemesh.compute.v1 import job_pb2
from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from edgemesh_gateway.store.chain_records import ChainRecord
from edgemesh_gateway.store.database import Database
from edgemesh_gateway.store.job_ends import ONGOING, end_all, lock, steps
from edgemesh_gateway.store.job_records import JobRecord
from edgemesh_gateway.store.job_rows import forget, insert_into
from edgemesh_gateway.store.job_store import JobStore
from edgemesh_gateway.store.store import Full

CANCELLED = job_pb2.JOB_STATE_CANCELLED
Whole = tuple[ChainRecord, Sequence[JobRecord]]


class ChainStore:
    """The chains of a database."""

    def __init__(self, database: Database, jobs: JobStore) -> None:
        self._database, self._jobs = database, jobs

    async def submit(self, chain: ChainRecord, jobs: Sequence[JobRecord]) -> Whole:
        """Keep one; what is kept then: that of the same tenant and request id, if there is one.

        Raises Full where the tenant has no room for all of its jobs.
        """

        def work(session: Session) -> Whole:
            if (there := _named(session, chain)) is not None:
                return there, steps(session, there.id)
            if self._jobs.room(session, chain.tenant) < len(jobs):
                raise Full
            row = {c.key: getattr(chain, c.key) for c in ChainRecord.__table__.columns}
            session.execute(insert_into(session, ChainRecord).on_conflict_do_nothing(), [row])
            # Another gateway may have had the name between the question and the insertion.
            if (there := _named(session, chain)) is not None and there.id != chain.id:
                return there, steps(session, there.id)
            session.add_all(jobs)
            return chain, jobs

        return await self._database.run(work)

    async def get(self, tenant: str, id: str) -> Whole | None:
        """One of the tenant's, and its jobs."""

        def work(session: Session) -> Whole | None:
            found = session.scalars(_one(tenant, id)).first()
            return None if found is None else (found, steps(session, id))

        return await self._database.run(work)

    async def cancel(self, tenant: str, id: str, now_ms: int, error: bytes) -> Whole | None:
        """Ask for the end of all its jobs; those that wait end at once, with `error`."""

        def work(session: Session) -> Whole | None:
            lock(session, [id])
            found = session.scalars(_one(tenant, id)).first()
            if found is None:
                return None
            return found, end_all(session, id, CANCELLED, error, now_ms)

        return await self._database.run(work)

    async def delete(self, tenant: str, id: str) -> Whole | None:
        """Forget one that has ended; what it was: one that has not is left."""

        def work(session: Session) -> Whole | None:
            lock(session, [id])
            found = session.scalars(_one(tenant, id)).first()
            if found is None:
                return None
            jobs = steps(session, id)
            if all(job.state not in ONGOING for job in jobs):
                forget(session, [job.id for job in jobs])
                session.execute(delete(ChainRecord).where(ChainRecord.id == id))
            return found, jobs

        return await self._database.run(work)

    async def given(self, chain: str, names: Sequence[str]) -> Sequence[JobRecord]:
        """Steps with their results."""
        query = select(JobRecord).where(JobRecord.chain == chain, JobRecord.step.in_(names))
        return await self._database.run(lambda session: session.scalars(query).all())


def _one(tenant: str, id: str) -> Select[ChainRecord]:
    return select(ChainRecord).where(ChainRecord.tenant == tenant, ChainRecord.id == id)


def _named(session: Session, chain: ChainRecord) -> ChainRecord | None:
    if chain.request_id is None:
        return None
    same = ChainRecord.tenant == chain.tenant, ChainRecord.request_id == chain.request_id
    return session.scalars(select(ChainRecord).where(*same)).first()

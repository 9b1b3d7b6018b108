"""Compute seconds in the database, by tenant and day.

Rules: as of `store`; gateways add what they have seen, and read what all have.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from edgemesh_gateway.store.database import Database
from edgemesh_gateway.store.records import ComputeRecord


class ComputeStore:
    """The seconds of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, day: str, seconds: Mapping[str, float]) -> dict[str, float]:
        """Add to tenants' seconds of a day; what all tenants have had then."""

        def work(session: Session) -> dict[str, float]:
            for tenant, more in sorted(seconds.items()):
                record = session.get(ComputeRecord, (tenant, day), with_for_update=True)
                if record is None:
                    session.add(ComputeRecord(tenant=tenant, day=day, seconds=more))
                else:
                    record.seconds += more
            session.flush()
            query = select(ComputeRecord).where(ComputeRecord.day == day)
            return {record.tenant: record.seconds for record in session.scalars(query)}

        return await self._database.run(work)

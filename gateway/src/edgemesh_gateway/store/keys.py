"""API keys in the database.

Rules: as of `store`; a key that was revoked stays, so that who used it can still be told.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from edgemesh_gateway.store.database import Database
from edgemesh_gateway.store.records import KeyRecord

MOST_LISTED = 10_000


class KeyStore:
    """The keys of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, record: KeyRecord) -> None:
        """Keep a key."""
        await self._database.run(lambda session: session.add(record))

    async def revoke(self, prefix: str, now_ms: int) -> KeyRecord | None:
        """Revoke one, if it is not yet; the key, or None where there is none."""

        def work(session: Session) -> KeyRecord | None:
            record = session.get(KeyRecord, prefix)
            if record is not None and not record.revoked_ms:
                record.revoked_ms = now_ms
            return record

        return await self._database.run(work)

    async def find(self, tenant: str, prefix: str, valid_at_ms: int | None) -> Sequence[KeyRecord]:
        """Keys of a tenant (empty: of all) whose prefix begins so, the newest first.

        `valid_at_ms`: only those that are valid then; None: all.
        """
        query = select(KeyRecord).order_by(KeyRecord.created_ms.desc()).limit(MOST_LISTED)
        if tenant:
            query = query.where(KeyRecord.tenant == tenant)
        if prefix:
            query = query.where(KeyRecord.prefix.startswith(prefix, autoescape=True))
        if valid_at_ms is not None:
            query = query.where(*_valid(valid_at_ms))
        return await self._database.run(lambda session: session.scalars(query).all())

    async def valid(self, now_ms: int) -> Sequence[KeyRecord]:
        """All that are valid."""
        query = select(KeyRecord).where(*_valid(now_ms))
        return await self._database.run(lambda session: session.scalars(query).all())

    async def mark(self) -> tuple[int, ...]:
        """Something that is another when keys have come or been revoked."""
        query = select(
            func.count(),
            func.coalesce(func.sum(KeyRecord.revoked_ms), 0),
            func.coalesce(func.max(KeyRecord.created_ms), 0),
        ).select_from(KeyRecord)
        row = await self._database.run(lambda session: session.execute(query).one())
        return tuple(int(value) for value in row)


def _valid(now_ms: int) -> tuple[ColumnElement[bool], ...]:
    return (
        KeyRecord.revoked_ms == 0,
        or_(KeyRecord.expires_ms == 0, KeyRecord.expires_ms > now_ms),
    )

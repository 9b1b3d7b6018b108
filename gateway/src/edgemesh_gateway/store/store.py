"""What is asked of the database, in the gateway's words.

Rules: a method is one transaction; what it raises about the content it raises before anything is
written.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from edgemesh_gateway.store.database import Database
from edgemesh_gateway.store.records import AlgorithmRecord, EnvironmentRecord, SessionRecord

_TRIES = 8


class Conflict(Exception):
    """That version is there with other content."""


class Full(Exception):
    """The tenant has as many as it may."""


class Store:
    """The records of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_algorithm(self, record: AlgorithmRecord, most: int) -> AlgorithmRecord:
        """Keep a version; what is kept then.

        The same request under the same version is the same registration. Raises Conflict, also
        where another tenant shares an algorithm of that name: a name that all may use has one
        owner. Raises Full where the tenant has `most` versions already.
        """
        for _ in range(_TRIES):
            try:
                return await self._database.run(lambda session: _add(session, record, most))
            except IntegrityError:  # another gateway was faster
                continue
        raise Conflict

    async def algorithm(self, tenant: str, name: str, version: str) -> AlgorithmRecord | None:
        """What the tenant means by a name: its own before a shared one, the newest of them."""
        query = (
            select(AlgorithmRecord)
            .where(AlgorithmRecord.name == name, _visible(tenant))
            .order_by(
                (AlgorithmRecord.tenant == tenant).desc(),
                AlgorithmRecord.number.desc(),
            )
            .limit(1)
        )
        if version:
            query = query.where(AlgorithmRecord.version == version)
        return await self._database.run(lambda session: session.scalars(query).first())

    async def algorithms(self, tenant: str) -> Sequence[AlgorithmRecord]:
        """All that the tenant may use."""
        query = select(AlgorithmRecord).where(_visible(tenant))
        return await self._database.run(lambda session: session.scalars(query).all())

    async def versions(self, tenant: str, name: str) -> Sequence[AlgorithmRecord]:
        """The versions of one of the tenant's own names, the newest last."""
        query = (
            select(AlgorithmRecord)
            .where(AlgorithmRecord.tenant == tenant, AlgorithmRecord.name == name)
            .order_by(AlgorithmRecord.number)
        )
        return await self._database.run(lambda session: session.scalars(query).all())

    async def delete_algorithm(self, tenant: str, name: str, version: str) -> Sequence[str]:
        """Forget a version of the tenant's own, or all where none is named; which these were."""
        statement = delete(AlgorithmRecord).where(
            AlgorithmRecord.tenant == tenant, AlgorithmRecord.name == name
        )
        if version:
            statement = statement.where(AlgorithmRecord.version == version)
        gone = statement.returning(AlgorithmRecord.version)
        return await self._database.run(lambda session: session.scalars(gone).all())

    async def add_environment(self, record: EnvironmentRecord, most: int) -> EnvironmentRecord:
        """Keep an environment; one that is there already is told of in the words of the last that
        asked for it. Raises Full."""

        def work(session: Session) -> EnvironmentRecord:
            known = session.get(EnvironmentRecord, (record.tenant, record.id))
            if known is not None:
                known.environment = record.environment
                return known
            count = select(func.count()).where(EnvironmentRecord.tenant == record.tenant)
            if (session.scalar(count) or 0) >= most:
                raise Full
            session.add(record)
            return record

        return await self._database.run(work)

    async def environment(self, tenant: str, id: str) -> EnvironmentRecord | None:
        """One of the tenant's."""
        return await self._database.run(
            lambda session: session.get(EnvironmentRecord, (tenant, id))
        )

    async def environments(self, tenant: str) -> Sequence[EnvironmentRecord]:
        """All of the tenant's, newest first."""
        query = (
            select(EnvironmentRecord)
            .where(EnvironmentRecord.tenant == tenant)
            .order_by(EnvironmentRecord.created_ms.desc())
        )
        return await self._database.run(lambda session: session.scalars(query).all())

    async def delete_environment(self, tenant: str, id: str) -> bool:
        """Forget one of the tenant's; whether there was one."""
        statement = delete(EnvironmentRecord).where(
            EnvironmentRecord.tenant == tenant, EnvironmentRecord.id == id
        )
        gone = statement.returning(EnvironmentRecord.id)
        return bool(await self._database.run(lambda session: session.scalars(gone).all()))

    async def put_session(self, record: SessionRecord) -> None:
        """Keep where a session is."""
        await self._database.run(lambda session: session.merge(record))

    async def session(self, tenant: str, id: str) -> SessionRecord | None:
        """One of the tenant's."""
        return await self._database.run(lambda session: session.get(SessionRecord, (tenant, id)))

    async def sessions(self, tenant: str) -> Sequence[SessionRecord]:
        """All of the tenant's."""
        query = select(SessionRecord).where(SessionRecord.tenant == tenant)
        return await self._database.run(lambda session: session.scalars(query).all())

    async def delete_session(self, tenant: str, id: str) -> bool:
        """Forget one of the tenant's; whether there was one."""
        statement = delete(SessionRecord).where(
            SessionRecord.tenant == tenant, SessionRecord.id == id
        )
        gone = statement.returning(SessionRecord.id)
        return bool(await self._database.run(lambda session: session.scalars(gone).all()))


def _visible(tenant: str) -> ColumnElement[bool]:
    return or_(AlgorithmRecord.tenant == tenant, AlgorithmRecord.shared.is_(True))


def _add(session: Session, record: AlgorithmRecord, most: int) -> AlgorithmRecord:
    own = session.scalars(
        select(AlgorithmRecord).where(
            AlgorithmRecord.tenant == record.tenant, AlgorithmRecord.name == record.name
        )
    ).all()
    for known in own:
        if known.version == record.version:
            if known.request == record.request:
                return known
            raise Conflict
    if record.shared:
        other = select(AlgorithmRecord.tenant).where(
            AlgorithmRecord.name == record.name,
            AlgorithmRecord.tenant != record.tenant,
            AlgorithmRecord.shared.is_(True),
        )
        if session.scalars(other).first() is not None:
            raise Conflict
    held = select(func.count()).where(AlgorithmRecord.tenant == record.tenant)
    if (session.scalar(held) or 0) >= most:
        raise Full
    number = max((known.number for known in own), default=0) + 1
    kept = AlgorithmRecord(
        tenant=record.tenant,
        name=record.name,
        version=record.version,
        number=number,
        digest=record.digest,
        program=record.program,
        sha256=record.sha256,
        shared=record.shared,
        environment=record.environment,
        request=record.request,
        created_ms=record.created_ms,
    )
    session.add(kept)
    return kept

"""What is asked of the database about webhooks.

Rules: as of `store`; tenants take turns, so that one whose hosts are slow holds up nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from edgemesh.compute.v1 import job_pb2
from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.orm import Session, defer

from edgemesh_gateway.store.calm import Calm
from edgemesh_gateway.store.database import Database
from edgemesh_gateway.store.job_records import JobRecord
from edgemesh_gateway.store.webhook_records import WebhookRecord

PENDING = job_pb2.WEBHOOK_STATE_PENDING


class WebhookStore:
    """The webhooks of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.calm = Calm(database)
        """Whether none is owed."""

    async def claim(
        self, now_ms: int, until_ms: int, most: int, of_tenant: int, busy: Mapping[str, int]
    ) -> Sequence[WebhookRecord]:
        """Take some that are due, as one more try each: nobody else does before `until_ms`.

        At most `of_tenant` of one, less what is `busy`.
        """
        return await self._database.run(
            lambda session: _claim(session, now_ms, until_ms, most, of_tenant, busy)
        )

    async def settle(self, job: str, tries: int, fields: Mapping[str, Any]) -> bool:
        """Say what a try came to; False: it was another's by then."""

        def work(session: Session) -> bool:
            statement = (
                update(WebhookRecord)
                .where(
                    WebhookRecord.job == job,
                    WebhookRecord.tries == tries,
                    WebhookRecord.state == PENDING,
                )
                .values(**fields)
            )
            found = cast("CursorResult[Any]", session.execute(statement)).rowcount == 1
            # Its job may have been deleted meanwhile, and then nobody can ask for it.
            alone = ~select(JobRecord.id).where(JobRecord.id == job).exists()
            if fields.get("ended_ms"):
                session.execute(delete(WebhookRecord).where(WebhookRecord.job == job, alone))
            return found

        return await self._database.run(work)

    async def of(self, jobs: Sequence[str]) -> dict[str, WebhookRecord]:
        """Those of these jobs that are owed or were."""
        if not jobs:
            return {}
        query = select(WebhookRecord).options(defer(WebhookRecord.body))
        query = query.where(WebhookRecord.job.in_(jobs))
        found = await self._database.run(lambda session: session.scalars(query).all())
        return {each.job: each for each in found}

    async def waiting(self) -> int:
        """How many are owed."""
        begun = self.calm.begin()
        query = select(func.count()).where(WebhookRecord.state == PENDING)
        owed = await self._database.run(lambda session: session.scalar(query) or 0)
        self.calm.end(begun, owed)
        return owed


def _claim(
    session: Session,
    now_ms: int,
    until_ms: int,
    most: int,
    of_tenant: int,
    busy: Mapping[str, int],
) -> Sequence[WebhookRecord]:
    due = (WebhookRecord.state == PENDING, WebhookRecord.due_ms <= now_ms)
    turn = func.row_number().over(
        partition_by=WebhookRecord.tenant, order_by=(WebhookRecord.due_ms, WebhookRecord.job)
    )
    full = [tenant for tenant, count in busy.items() if count >= of_tenant]
    first = select(WebhookRecord.job, WebhookRecord.tenant, turn.label("turn")).where(*due)
    if full:
        first = first.where(WebhookRecord.tenant.not_in(full))
    turns = first.subquery()
    query = select(turns.c.job, turns.c.tenant, turns.c.turn).where(turns.c.turn <= of_tenant)
    found = session.execute(query.order_by(turns.c.turn).limit(most)).all()
    wanted = [str(each.job) for each in found if each.turn + busy.get(each.tenant, 0) <= of_tenant]
    if not wanted:
        return ()
    # Another gateway may have taken some of them since: it has moved their time on.
    taken = session.scalars(
        select(WebhookRecord)
        .where(WebhookRecord.job.in_(wanted), *due)
        .with_for_update(skip_locked=True)
    ).all()
    for each in taken:
        each.tries += 1
        each.due_ms = until_ms
    return taken

"""Usage and records of requests in the database.

Rules: as of `store`; several gateways add to one row, always in the order of its key, so that none
waits for another in a circle. Records of requests are written only where gateways share a database:
one that has it alone finds them in its memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from edgemesh.compute.v1 import account_pb2
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from edgemesh_gateway.accounting.book import Of, Used
from edgemesh_gateway.accounting.happened import Happened
from edgemesh_gateway.store.database import Database
from edgemesh_gateway.store.job_rows import insert_into
from edgemesh_gateway.store.records import RequestRecord, UsageRecord

_ROWS = 500
"""Rows of one statement."""
MOST_LISTED = 20_000


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """Which usage."""

    tenant: str
    """Empty: all tenants'."""
    first: str
    last: str
    """Days, both included."""
    algorithm: str = ""
    """Empty: of all."""


class AccountStore:
    """The accounts of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.shared = database.shared

    async def add(self, used: Mapping[Of, Used], requests: Sequence[Happened]) -> None:
        """Add what was used, and keep records; of several with one id the last."""

        def work(session: Session) -> None:
            _add(session, used)
            _keep(session, requests)

        await self._database.run(work)

    async def usage(self, query: UsageQuery) -> Sequence[UsageRecord]:
        """What was used, by day, tenant and algorithm; one more than MOST_LISTED at most."""
        asked = select(UsageRecord).where(
            UsageRecord.day >= query.first, UsageRecord.day <= query.last
        )
        if query.tenant:
            asked = asked.where(UsageRecord.tenant == query.tenant)
        if query.algorithm:
            asked = asked.where(UsageRecord.algorithm == query.algorithm)
        asked = asked.order_by(UsageRecord.day, UsageRecord.tenant, UsageRecord.algorithm)
        asked = asked.limit(MOST_LISTED + 1)
        return await self._database.run(lambda session: session.scalars(asked).all())

    async def request(
        self, tenant: str, request_id: str, after_ms: int
    ) -> account_pb2.RequestRecord | None:
        """A record that is not older than that."""
        query = select(RequestRecord.record).where(
            RequestRecord.tenant == tenant,
            RequestRecord.request_id == request_id,
            RequestRecord.ended_ms >= after_ms,
        )
        raw = await self._database.run(lambda session: session.scalar(query))
        return None if raw is None else account_pb2.RequestRecord.FromString(raw)

    async def forget(self, before_day: str, before_ms: int) -> None:
        """Forget usage of days before one, and records of requests that ended before then."""

        def work(session: Session) -> None:
            session.execute(delete(UsageRecord).where(UsageRecord.day < before_day))
            session.execute(delete(RequestRecord).where(RequestRecord.ended_ms < before_ms))

        await self._database.run(work)


def _add(session: Session, used: Mapping[Of, Used]) -> None:
    rows: list[dict[str, object]] = [{**of._asdict(), **used[of]._asdict()} for of in sorted(used)]
    for some in _some(rows):
        statement = insert_into(session, UsageRecord).values(some)
        given = statement.excluded
        more = {name: getattr(UsageRecord, name) + given[name] for name in Used._fields}
        session.execute(statement.on_conflict_do_update(index_elements=Of._fields, set_=more))


def _keep(session: Session, requests: Sequence[Happened]) -> None:
    last = {(one.tenant, one.request_id): one for one in requests}
    rows: list[dict[str, object]] = [
        {
            "tenant": tenant,
            "request_id": request_id,
            "ended_ms": int(last[tenant, request_id].ended * 1e3),
            "record": last[tenant, request_id].told().SerializeToString(),
        }
        for tenant, request_id in sorted(last)
    ]
    for some in _some(rows):
        statement = insert_into(session, RequestRecord).values(some)
        newer = {name: statement.excluded[name] for name in ("ended_ms", "record")}
        key = ["tenant", "request_id"]
        session.execute(statement.on_conflict_do_update(index_elements=key, set_=newer))


def _some(rows: list[dict[str, object]]) -> Iterable[list[dict[str, object]]]:
    return (rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS))

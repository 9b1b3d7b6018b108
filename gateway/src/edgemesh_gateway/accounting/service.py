"""AccountService: what became of requests, and what was used; tenants are erased.

Rules: converts and delegates. A tenant sees its own; another's, and all, needs the scope `admin`,
whether there is such a tenant or not.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from edgemesh.compute.v1 import account_pb2

from edgemesh_gateway import keeping
from edgemesh_gateway.accounting import days
from edgemesh_gateway.accounting.accounts import Accounts
from edgemesh_gateway.accounting.book import Used
from edgemesh_gateway.accounting.erasure import Erasure
from edgemesh_gateway.authenticate import Authenticator
from edgemesh_gateway.identity.caller import ADMIN, Caller, is_tenant
from edgemesh_gateway.store.account_store import MOST_LISTED, UsageQuery
from edgemesh_gateway.store.records import UsageRecord
from mesh_service import errors, stack
from mesh_service.errors import Violation
from mesh_service.messages import parse
from mesh_service.stack import Handler, Rpc

SERVICE: str = account_pb2.DESCRIPTOR.services_by_name["AccountService"].full_name
MOST_ALGORITHM = 255


class AccountService:
    """The servicer."""

    def __init__(self, authenticator: Authenticator, accounts: Accounts, erasure: Erasure) -> None:
        self._authenticator, self._accounts = authenticator, accounts
        self._erasure = erasure

    def methods(self) -> dict[str, tuple[str, Handler]]:
        """What a server is given."""
        return {
            "GetRequest": ("unary", self._request),
            "GetUsage": ("unary", self._usage),
            "EraseTenant": ("unary", keeping.told(self._erase, OSError)),
        }

    async def _request(self, raw: bytes, rpc: Rpc) -> bytes:
        caller = await self._authenticator.authenticate(rpc)
        asked = parse(account_pb2.GetRequestRequest, raw)
        violations = list(_of_tenant(asked.tenant))
        if not stack.valid_request_id(asked.request_id):
            expected = f"1 to {stack.MOST_ID} characters of [A-Za-z0-9._-]"
            violations.append(Violation("request_id", expected))
        if violations:
            raise errors.InvalidRequest(violations)
        tenant = _whose(caller, asked.tenant)
        found = await self._accounts.request(tenant, asked.request_id)
        if found is None:
            raise errors.UnknownRequest(asked.request_id)
        return account_pb2.GetRequestResponse(request=found).SerializeToString()

    async def _usage(self, raw: bytes, rpc: Rpc) -> bytes:
        caller = await self._authenticator.authenticate(rpc)
        asked = parse(account_pb2.GetUsageRequest, raw)
        if violations := [*_of_tenant(asked.tenant), *_of_usage(asked)]:
            raise errors.InvalidRequest(violations)
        if asked.all_tenants:
            caller.demand(ADMIN)
        last = asked.to_day or days.of(time.time())
        query = UsageQuery(
            "" if asked.all_tenants else _whose(caller, asked.tenant),
            asked.from_day or last,
            last,
            asked.algorithm,
        )
        found = await self._accounts.usage(query)
        if len(found) > MOST_LISTED:
            expected = f"a later day: the range has more than {MOST_LISTED} rows"
            raise errors.InvalidRequest([Violation("from_day", expected)])
        return account_pb2.GetUsageResponse(rows=map(_row, found)).SerializeToString()

    async def _erase(self, raw: bytes, rpc: Rpc) -> bytes:
        await self._authenticator.authenticate(rpc, ADMIN)
        asked = parse(account_pb2.EraseTenantRequest, raw)
        if not is_tenant(asked.tenant):
            expected = "required: 1 to 128 characters of [A-Za-z0-9._-]"
            raise errors.InvalidRequest([Violation("tenant", expected)])
        rpc.notes["of_tenant"] = asked.tenant
        do = self._erasure.count if asked.dry_run else self._erasure.erase
        return (await do(asked.tenant, rpc)).SerializeToString()


def _whose(caller: Caller, named: str) -> str:
    """Raises PermissionDenied."""
    if named and named != caller.tenant:
        caller.demand(ADMIN)
    return named or caller.tenant


def _of_tenant(named: str) -> Iterator[Violation]:
    if named and not is_tenant(named):
        yield Violation("tenant", "1 to 128 characters of [A-Za-z0-9._-], or empty")


def _of_usage(asked: account_pb2.GetUsageRequest) -> Iterator[Violation]:
    if asked.all_tenants and asked.tenant:
        yield Violation("tenant", "none beside all_tenants")
    wrong = False
    for field, day in (("from_day", asked.from_day), ("to_day", asked.to_day)):
        if day and not days.is_day(day):
            wrong = True
            yield Violation(field, "a day as 2026-01-31")
    if not wrong and asked.from_day and asked.to_day and asked.from_day > asked.to_day:
        yield Violation("from_day", "not after to_day")
    if len(asked.algorithm) > MOST_ALGORITHM:
        yield Violation("algorithm", f"at most {MOST_ALGORITHM} characters")


def _row(record: UsageRecord) -> account_pb2.UsageRow:
    sums = {name: getattr(record, name) for name in Used._fields}
    return account_pb2.UsageRow(
        day=record.day, tenant=record.tenant, algorithm=record.algorithm, **sums
    )

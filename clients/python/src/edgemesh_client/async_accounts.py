"""What became of requests, what was used, and erasing all of a tenant."""

from __future__ import annotations

from edgemesh.compute.v1 import account_pb2, account_pb2_grpc

from edgemesh_client.account_kinds import Erased, RequestInfo, UsageOfDay
from edgemesh_client.async_connection import AsyncConnection

ERASING_S = 300.0
"""How long erasing may take: what runs is stopped first."""


class AsyncAccounts(AsyncConnection):
    """Of AccountService."""

    async def request(self, id: str, *, tenant: str = "") -> RequestInfo:
        """What became of a request that has ended; `tenant`: another's, for who has the scope
        admin. Raises NotFound where there is no record of it, or no more.
        """
        stub = account_pb2_grpc.AccountServiceStub(self.channel)
        asked = account_pb2.GetRequestRequest(request_id=id, tenant=tenant)
        return RequestInfo.read((await self.link.unary(stub.GetRequest, asked, safe=True)).request)

    async def usage(
        self,
        *,
        first: str = "",
        last: str = "",
        algorithm: str = "",
        tenant: str = "",
        all_tenants: bool = False,
    ) -> list[UsageOfDay]:
        """What was used, by day and algorithm, from the day `first` (as 2026-01-31; default: the
        last one) to the day `last` (default: today).

        `tenant`, `all_tenants`: others', for who has the scope admin.
        """
        stub = account_pb2_grpc.AccountServiceStub(self.channel)
        asked = account_pb2.GetUsageRequest(
            tenant=tenant,
            all_tenants=all_tenants,
            from_day=first,
            to_day=last,
            algorithm=algorithm,
        )
        answer = await self.link.unary(stub.GetUsage, asked, safe=True)
        return [UsageOfDay.read(row) for row in answer.rows]

    async def erase_tenant(
        self, tenant: str, *, dry_run: bool = False, timeout: float = ERASING_S
    ) -> Erased:
        """Erase all that the mesh keeps of a tenant; `dry_run`: count it only. Needs the scope
        admin.
        """
        stub = account_pb2_grpc.AccountServiceStub(self.channel)
        asked = account_pb2.EraseTenantRequest(tenant=tenant, dry_run=dry_run)
        return Erased.read(
            await self.link.unary(stub.EraseTenant, asked, timeout=timeout, safe=True)
        )

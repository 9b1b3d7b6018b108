"""Routes of accounting: what became of a request, and what was used."""

from __future__ import annotations

from typing import Annotated

from edgemesh.compute.v1 import account_pb2
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from edgemesh_gateway.accounting.service import SERVICE
from edgemesh_gateway.rest import answers, asking, plain
from edgemesh_gateway.rest.compute import NAME
from edgemesh_gateway.rest.desk import PREFIX, Desk, gives
from edgemesh_gateway.rest.service import Service

_ALWAYS = tuple(
    field.name
    for field in account_pb2.RequestRecord.DESCRIPTOR.fields
    if field.name not in ("reason", "outcome", "trace_id")
)
_SUMS = tuple(field.name for field in account_pb2.UsageRow.DESCRIPTOR.fields)
Tenant = Annotated[str, Query(max_length=128, description="another than one's own: for admins")]
Day = Annotated[str, Query(max_length=16, description="of UTC, as 2026-01-31")]


def routes(desk: Desk) -> APIRouter:
    """Both."""
    router = APIRouter(tags=["accounts"])
    service = Service(desk, SERVICE)

    @router.get(
        f"{PREFIX}/requests/{{request_id}}",
        summary="What became of a request",
        responses=gives(),
    )
    async def get(request: Request, request_id: NAME, tenant: Tenant = "") -> Response:
        asked = asking.build(account_pb2.GetRequestRequest, request_id=request_id, tenant=tenant)
        kind = account_pb2.GetRequestResponse
        found = await service.call(request, "GetRequest", asked, kind)
        return answers.told(plain.message(found.request, always=_ALWAYS))

    @router.get(f"{PREFIX}/usage", summary="What was used, by day and algorithm", responses=gives())
    async def usage(
        request: Request,
        tenant: Tenant = "",
        all_tenants: bool = False,
        from_day: Day = "",
        to_day: Day = "",
        algorithm: Annotated[str, Query(max_length=255)] = "",
    ) -> Response:
        asked = asking.build(
            account_pb2.GetUsageRequest,
            tenant=tenant,
            all_tenants=all_tenants,
            from_day=from_day,
            to_day=to_day,
            algorithm=algorithm,
        )
        found = await service.call(request, "GetUsage", asked, account_pb2.GetUsageResponse)
        return answers.told({"rows": [plain.message(row, always=_SUMS) for row in found.rows]})

    return router

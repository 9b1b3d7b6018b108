"""Routes of schedules: jobs that are handed in by the clock."""

from __future__ import annotations

from typing import Annotated

from edgemesh.compute.v1 import schedule_pb2
from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from edgemesh_gateway.rest import answers, asking, jobs, models, plain
from edgemesh_gateway.rest.body import Body
from edgemesh_gateway.rest.desk import PREFIX, Desk, gives, takes
from edgemesh_gateway.rest.models import ScheduleBody
from edgemesh_gateway.rest.service import Service
from edgemesh_gateway.schedules.service import SERVICE

ROOT = f"{PREFIX}/schedules"
ID = Annotated[str, Path(max_length=128)]
_ALWAYS = ("id", "cron", "time_zone", "missed", "paused", "created_ms", "fired", "skipped")


def told(schedule: schedule_pb2.Schedule, status: int = 200) -> Response:
    """A schedule, as JSON."""
    more = {"Location": f"{ROOT}/{schedule.id}"} if status == 201 else {}
    return answers.told(plain.message(schedule, always=_ALWAYS), status, **more)


def routes(desk: Desk) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["schedules"])
    service = Service(desk, SERVICE)
    _many(router, desk, service)
    _one(router, service)
    return router


def _many(router: APIRouter, desk: Desk, service: Service) -> None:
    @router.post(
        ROOT,
        summary="Make a schedule; the same one again is the same",
        status_code=201,
        responses=gives(201, "It is kept"),
        openapi_extra=takes(ScheduleBody),
    )
    async def create(request: Request) -> Response:
        body = models.read(ScheduleBody, (await desk.bodies.read(request)).fields)
        asked = asking.build(
            schedule_pb2.CreateScheduleRequest,
            id=body.id,
            cron=body.cron,
            time_zone=body.time_zone,
            missed=schedule_pb2.MissedFirings.Value(f"MISSED_FIRINGS_{body.missed.upper()}"),
            paused=body.paused,
            job=await jobs.submission(body.job, Body({})),
        )
        kind = schedule_pb2.CreateScheduleResponse
        answer = await service.call(request, "CreateSchedule", asked, kind)
        return told(answer.schedule, 201)

    @router.get(ROOT, summary="The tenant's schedules, by id", responses=gives())
    async def list_schedules(
        request: Request,
        page_size: Annotated[int, Query(ge=0, le=1000)] = 0,
        after: Annotated[str, Query(max_length=128)] = "",
    ) -> Response:
        asked = asking.build(schedule_pb2.ListSchedulesRequest, page_size=page_size, after=after)
        kind = schedule_pb2.ListSchedulesResponse
        found = await service.call(request, "ListSchedules", asked, kind)
        listed = [plain.message(each, always=_ALWAYS) for each in found.schedules]
        return answers.told({"schedules": listed, "next_after": found.next_after})


def _one(router: APIRouter, service: Service) -> None:
    @router.get(f"{ROOT}/{{id}}", summary="A schedule, with its job", responses=gives())
    async def get(request: Request, id: ID) -> Response:
        asked = asking.build(schedule_pb2.GetScheduleRequest, id=id)
        kind = schedule_pb2.GetScheduleResponse
        return told((await service.call(request, "GetSchedule", asked, kind)).schedule)

    @router.post(
        f"{ROOT}/{{id}}/pause", summary="Have it make nothing until resumed", responses=gives()
    )
    async def pause(request: Request, id: ID) -> Response:
        asked = asking.build(schedule_pb2.PauseScheduleRequest, id=id)
        kind = schedule_pb2.PauseScheduleResponse
        return told((await service.call(request, "PauseSchedule", asked, kind)).schedule)

    @router.post(
        f"{ROOT}/{{id}}/resume", summary="Have it go on with its next time", responses=gives()
    )
    async def resume(request: Request, id: ID) -> Response:
        asked = asking.build(schedule_pb2.ResumeScheduleRequest, id=id)
        kind = schedule_pb2.ResumeScheduleResponse
        return told((await service.call(request, "ResumeSchedule", asked, kind)).schedule)

    @router.delete(
        f"{ROOT}/{{id}}",
        summary="Forget a schedule; jobs that it has made go on",
        status_code=204,
        responses=gives(204, "There is none", {}),
    )
    async def delete(request: Request, id: ID) -> Response:
        asked = asking.build(schedule_pb2.DeleteScheduleRequest, id=id)
        await service.call(request, "DeleteSchedule", asked, schedule_pb2.DeleteScheduleResponse)
        return Response(status_code=204)

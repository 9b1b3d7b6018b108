"""Routes of jobs: work that is done though nobody waits for it.

A job is asked for as `POST /api/v1/compute/{algorithm}` asks for work, with `algorithm` in the body
beside what concerns jobs only. Its events are a stream that goes on where `Last-Event-ID` says.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Literal

from edgemesh.compute.v1 import job_pb2
from fastapi import APIRouter, Query
from google.rpc import status_pb2  # pyright: ignore[reportMissingTypeStubs]
from starlette.requests import Request
from starlette.responses import Response

from edgemesh_gateway import jobs
from edgemesh_gateway.rest import answers, arrays, asking, models, plain, problem
from edgemesh_gateway.rest.arrays import Form
from edgemesh_gateway.rest.asking import Wanted
from edgemesh_gateway.rest.body import Body, join
from edgemesh_gateway.rest.caller import Caller
from edgemesh_gateway.rest.compute import NAME
from edgemesh_gateway.rest.computing import EventStream, begun
from edgemesh_gateway.rest.desk import PREFIX, WANTED, Desk, gives, takes
from edgemesh_gateway.rest.models import JobBody, Options
from edgemesh_gateway.rest.service import Service
from mesh_service.errors import InvalidRequest, Violation

_ROOT = f"{PREFIX}/jobs"
_EVENTS = f"{jobs.SERVICE}/StreamJobEvents"
_PREFIX = "JOB_STATE_"
_ALWAYS = ("id", "algorithm", "priority", "state", "attempts", "max_attempts", "created_ms")
_LAST_EVENT = "last-event-id"
_OPTIONS = ("request_id", "max_attempts", "attempt_timeout_ms", "timeout_ms", "result_ttl_ms")
_TENSORS = WANTED[:1]
MOST = (1 << 63) - 1
Whole = Annotated[int, Query(ge=0, le=MOST)]
State = Literal[
    "QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED", "LOST", "DEAD", "EXPIRED"
]  # fmt: skip
Job = (
    job_pb2.GetJobResponse,
    job_pb2.WaitJobResponse,
    job_pb2.CancelJobResponse,
)


async def submission(read: JobBody, body: Body) -> job_pb2.SubmitJobRequest:
    """A body as the contract's message. Raises InvalidRequest."""
    # Off the loop: of a large body there is much to convert.
    inputs = await asyncio.to_thread(arrays.parse_all, "inputs", read.inputs)
    options = Options(
        priority=read.priority,
        session_id=read.session_id,
        limits=read.limits,
        capabilities=read.capabilities,
    )
    work = asking.ask(read.algorithm, options, read.parameters, join(inputs, body.files))
    fields: dict[str, object] = {name: getattr(read, name) for name in _OPTIONS}
    if read.webhook is not None:
        fields["webhook"] = asking.build(job_pb2.Webhook, url=read.webhook.url)
    return asking.build(
        job_pb2.SubmitJobRequest, request=work.message, idempotent=read.idempotent, **fields
    )


def routes(desk: Desk) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["jobs"])
    service = Service(desk, jobs.SERVICE)
    _many(router, desk, service)
    _one(router, service)
    _events(router, desk)
    return router


def _many(router: APIRouter, desk: Desk, service: Service) -> None:
    @router.post(
        _ROOT,
        summary="Hand in a job: when this answers it is on disk",
        status_code=201,
        responses=gives(201, "It is kept, and runs when it is its turn"),
        openapi_extra=takes(JobBody, form=True),
    )
    async def submit(request: Request) -> Response:
        body = await desk.bodies.read(request)
        asked = await submission(models.read(JobBody, body.fields), body)
        answer = await service.call(request, "SubmitJob", asked, job_pb2.SubmitJobResponse)
        return answers.told(_job(answer.job, "auto"), 201, Location=f"{_ROOT}/{answer.job.id}")

    @router.get(_ROOT, summary="The tenant's jobs, newest first", responses=gives())
    async def list_jobs(
        request: Request,
        state: Annotated[list[State] | None, Query()] = None,
        algorithm: Annotated[str, Query(max_length=255)] = "",
        created_from_ms: Whole = 0,
        created_before_ms: Whole = 0,
        page_size: Annotated[int, Query(ge=0, le=1000)] = 0,
        page_token: Annotated[str, Query(max_length=128)] = "",
    ) -> Response:
        found = await service.ask(
            request,
            "ListJobs",
            states=[job_pb2.JobState.Value(_PREFIX + each) for each in state or ()],
            algorithm=algorithm,
            created_from_ms=created_from_ms,
            created_before_ms=created_before_ms,
            page_size=page_size,
            page_token=page_token,
        )
        assert isinstance(found, job_pb2.ListJobsResponse)
        listed = [_job(each, "auto") for each in found.jobs]
        return answers.told({"jobs": listed, "next_page_token": found.next_page_token})


def _one(router: APIRouter, service: Service) -> None:
    @router.get(
        f"{_ROOT}/{{id}}",
        summary="One job, with its result if it has ended",
        responses=gives(),
        openapi_extra={"parameters": _TENSORS},
    )
    async def get(request: Request, id: NAME) -> Response:
        wanted = asking.wanted(request)
        return answers.told(_told(await service.ask(request, "GetJob", id=id), wanted.tensors))

    @router.get(
        f"{_ROOT}/{{id}}/wait",
        summary="The same, once it has ended or this time is over",
        responses=gives(),
        openapi_extra={"parameters": _TENSORS},
    )
    async def wait(
        request: Request, id: NAME, timeout_ms: Annotated[int, Query(ge=0, le=3_600_000)] = 20_000
    ) -> Response:
        # 0 would be for ever, to the contract.
        wanted = asking.wanted(request)
        found = await service.ask(request, "WaitJob", id=id, timeout_ms=max(timeout_ms, 1))
        return answers.told(_told(found, wanted.tensors))

    @router.post(f"{_ROOT}/{{id}}/cancel", summary="Ask for its end", responses=gives())
    async def cancel(request: Request, id: NAME) -> Response:
        return answers.told(_told(await service.ask(request, "CancelJob", id=id), "auto"))

    @router.delete(
        f"{_ROOT}/{{id}}",
        summary="Forget a job that has ended",
        status_code=204,
        responses=gives(204, "There is none", {}),
    )
    async def delete(request: Request, id: NAME) -> Response:
        await service.ask(request, "DeleteJob", id=id)
        return Response(status_code=204)


def _events(router: APIRouter, desk: Desk) -> None:
    @router.get(
        f"{_ROOT}/{{id}}/events",
        summary="What happened to a job, then what happens, until its end",
        responses=gives(content={asking.EVENTS: {"schema": {"type": "string"}}}),
        openapi_extra={"parameters": _TENSORS},
    )
    async def events(request: Request, id: NAME, after: Whole = 0) -> EventStream:
        wanted = asking.wanted(request)
        seen = max(after, _last_event(request))
        asked = asking.build(job_pb2.StreamJobEventsRequest, id=id, after_sequence=seen)
        caller = asking.caller(request)
        pieces = _pieces(desk, asked, caller, wanted)
        return await begun(request, pieces, caller.request_id)


async def _pieces(
    desk: Desk, asked: job_pb2.StreamJobEventsRequest, caller: Caller, wanted: Wanted
) -> AsyncGenerator[bytes]:
    async with desk.core.stream(_EVENTS, asked.SerializeToString(), caller) as messages:
        async for each in messages:
            event = job_pb2.StreamJobEventsResponse.FromString(each).event
            kind, content = "state", dict[str, Any]()
            if event.WhichOneof("event") == "work":
                kind, content = plain.event(event.work, wanted.tensors)
            else:
                content["state"] = job_pb2.JobState.Name(event.state).removeprefix(_PREFIX)
            told = {"at_ms": event.at_ms, "attempt": event.attempt, **content}
            yield answers.sse(kind, told, event.sequence)


def _last_event(request: Request) -> int:
    """Of a browser that was cut off. Raises InvalidRequest."""
    text = request.headers.get(_LAST_EVENT, "0")
    if not (text.isascii() and text.isdecimal()) or int(text[:20]) > MOST:
        raise InvalidRequest([Violation(f"header {_LAST_EVENT}", "the number of an event")])
    return int(text)


def _told(answer: object, form: Form) -> dict[str, Any]:
    assert isinstance(answer, Job)
    return _job(answer.job, form)


def _job(job: job_pb2.Job, form: Form) -> dict[str, Any]:
    told = plain.message(job, form, _ALWAYS, without=("response", "error"))
    if job.HasField("response"):
        told["response"] = plain.response(job.response, form)
    if job.HasField("error"):
        error = job.error
        status = status_pb2.Status(code=error.code, message=error.message, details=error.details)
        told["error"] = problem.told(status).body()
    return told

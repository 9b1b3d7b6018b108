"""Routes of users' Python: algorithms of theirs, code to execute, models, dependencies."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2, compute_pb2, environment_pb2
from fastapi import APIRouter
from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response

from edgemesh_gateway import algorithms, environments
from edgemesh_gateway.rest import answers, arrays, asking, models, plain
from edgemesh_gateway.rest.body import join
from edgemesh_gateway.rest.compute import NAME
from edgemesh_gateway.rest.desk import PREFIX, WANTED, Desk, computes, gives, takes
from edgemesh_gateway.rest.models import (
    DependenciesBody,
    ExecuteBody,
    Limits,
    ModelBody,
    RegisterBody,
)
from edgemesh_gateway.rest.presence import while_there
from edgemesh_gateway.rest.problem import Fault
from mesh_service.errors import InvalidRequest, Violation

_ROOT = f"{PREFIX}/python"


def routes(desk: Desk) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["python"])
    _algorithms(router, desk)
    _executing(router, desk)
    _models(router, desk)
    _dependencies(router, desk)
    return router


def _algorithms(router: APIRouter, desk: Desk) -> None:
    @router.get(f"{_ROOT}/algorithms", summary="Algorithms of Python", responses=gives())
    async def list_python(request: Request) -> Response:
        found = await desk.listed("python", asking.caller(request))
        return answers.told({"algorithms": [plain.message(each) for each in found]})

    @router.post(
        f"{_ROOT}/algorithms",
        summary="Register code as an algorithm, or as a new version of one",
        status_code=201,
        responses=gives(201, "It is registered, and outlasts a crash"),
        openapi_extra=takes(RegisterBody),
    )
    async def register(request: Request) -> Response:
        body = models.read(RegisterBody, (await desk.bodies.read(request)).fields)
        call = desk.core.call(
            algorithms.SERVICE,
            "RegisterAlgorithm",
            _registration(body),
            algorithm_pb2.RegisterAlgorithmResponse,
            asking.caller(request),
        )
        made = await while_there(request, call)
        name = made.algorithm.algorithm.name.partition(".")[2]
        return answers.told(plain.message(made), 201, Location=f"{_ROOT}/algorithms/{name}")

    @router.get(
        f"{_ROOT}/algorithms/{{name}}",
        summary="An algorithm of Python; of a registered one the code too",
        responses=gives(),
    )
    async def get_python(request: Request, name: NAME) -> Response:
        caller, full = asking.caller(request), _full(name)
        found = await desk.offered(full, caller)
        told = plain.message(found)
        if found.HasField("registration"):
            source = await desk.core.call(
                algorithms.SERVICE,
                "GetAlgorithmSource",
                asking.build(algorithm_pb2.GetAlgorithmSourceRequest, name=full),
                algorithm_pb2.GetAlgorithmSourceResponse,
                caller,
            )
            told["code"] = source.code
        return answers.told(told)

    @router.delete(
        f"{_ROOT}/algorithms/{{name}}",
        summary="Delete a registered algorithm, or with @<version> one version",
        responses=gives(),
    )
    async def delete_python(request: Request, name: NAME) -> Response:
        gone = await desk.core.call(
            algorithms.SERVICE,
            "DeleteAlgorithm",
            asking.build(algorithm_pb2.DeleteAlgorithmRequest, name=_full(name)),
            algorithm_pb2.DeleteAlgorithmResponse,
            asking.caller(request),
        )
        return answers.told(plain.message(gone))


def _executing(router: APIRouter, desk: Desk) -> None:
    @router.post(
        f"{_ROOT}/execute",
        summary="Execute code, a function of code, or a registered algorithm",
        responses=computes(),
        openapi_extra={**takes(ExecuteBody, form=True), "parameters": WANTED},
    )
    async def execute(request: Request) -> Response:
        body = await desk.bodies.read(request)
        read = models.read(ExecuteBody, body.fields)
        algorithm, parameters = _execution(read)
        inputs = await asyncio.to_thread(arrays.parse_all, "tensors", read.tensors)
        ask = asking.ask(algorithm, read.options, parameters, join(inputs, body.files))
        return await desk.computing.answer(request, ask)


def _models(router: APIRouter, desk: Desk) -> None:
    @router.get(f"{_ROOT}/models", summary="Models that programs can call", responses=gives())
    async def list_models(request: Request) -> Response:
        found = await desk.models(asking.caller(request))
        return answers.told({"models": [_model(name, takers) for name, takers in found.items()]})

    @router.post(
        f"{_ROOT}/models/{{name}}",
        summary="Call a model, and load it where it is not loaded",
        responses=computes(),
        openapi_extra={**takes(ModelBody), "parameters": WANTED},
    )
    async def call_model(request: Request, name: NAME) -> Response:
        read = models.read(ModelBody, (await desk.bodies.read(request)).fields)
        parameters: dict[str, Any] = {**(read.model_extra or {}), "model": name}
        known = await desk.models(asking.caller(request))
        if name not in known:
            raise Fault(404, "UNKNOWN_MODEL", f"known: {', '.join(sorted(known)) or 'none'}")
        ask = asking.ask(_taker(known[name], parameters), read.options, parameters, {})
        return await desk.computing.answer(request, ask)


def _dependencies(router: APIRouter, desk: Desk) -> None:
    @router.get(f"{_ROOT}/dependencies", summary="The caller's environments", responses=gives())
    async def list_dependencies(request: Request) -> Response:
        found = await desk.core.call(
            environments.SERVICE,
            "ListEnvironments",
            environment_pb2.ListEnvironmentsRequest(),
            environment_pb2.ListEnvironmentsResponse,
            asking.caller(request),
        )
        return answers.told(plain.message(found, always=("environments",)))

    @router.post(
        f"{_ROOT}/dependencies",
        summary="Make an environment of packages; its id is what `environment` means elsewhere",
        status_code=201,
        responses=gives(201, "It can be used"),
        openapi_extra=takes(DependenciesBody),
    )
    async def make_dependencies(request: Request) -> Response:
        body = models.read(DependenciesBody, (await desk.bodies.read(request)).fields)
        message = asking.build(
            environment_pb2.CreateEnvironmentRequest, dependencies=body.dependencies
        )
        made = await while_there(request, _made(desk, message, request))
        return answers.told(plain.message(made), 201, Location=f"{_ROOT}/dependencies/{made.id}")

    @router.get(
        f"{_ROOT}/dependencies/{{id}}", summary="An environment, with its lock", responses=gives()
    )
    async def get_dependencies(request: Request, id: NAME) -> Response:
        found = await desk.core.call(
            environments.SERVICE,
            "GetEnvironment",
            asking.build(environment_pb2.GetEnvironmentRequest, id=id),
            environment_pb2.GetEnvironmentResponse,
            asking.caller(request),
        )
        return answers.told(plain.message(found.environment))

    @router.delete(
        f"{_ROOT}/dependencies/{{id}}",
        summary="Forget an environment",
        status_code=204,
        responses=gives(204, "It is forgotten", {}),
    )
    async def delete_dependencies(request: Request, id: NAME) -> Response:
        await desk.core.call(
            environments.SERVICE,
            "DeleteEnvironment",
            asking.build(environment_pb2.DeleteEnvironmentRequest, id=id),
            environment_pb2.DeleteEnvironmentResponse,
            asking.caller(request),
        )
        return Response(status_code=204)


async def _made(desk: Desk, message: Message, request: Request) -> environment_pb2.Environment:
    made = environment_pb2.Environment()
    method = f"{environments.SERVICE}/CreateEnvironment"
    caller = asking.caller(request)
    async with desk.core.stream(method, message.SerializeToString(), caller) as events:
        async for raw in events:
            event = environment_pb2.CreateEnvironmentResponse.FromString(raw)
            if event.WhichOneof("event") == "environment":
                made = event.environment
    return made


def _registration(body: RegisterBody) -> algorithm_pb2.RegisterAlgorithmRequest:
    given = body.model_dump(exclude={"name", "parameters_schema", "result_schema", "limits"})
    for name in ("parameters_schema", "result_schema"):
        schema = getattr(body, name)
        given[name] = "" if schema is None else json.dumps(schema)
    # No limits at all and limits of 0 are not the same registration.
    limits = None if body.limits == Limits() else compute_pb2.Limits(**body.limits.model_dump())
    return asking.build(
        algorithm_pb2.RegisterAlgorithmRequest, name=_full(body.name), limits=limits, **given
    )


def _execution(read: ExecuteBody) -> tuple[str, dict[str, Any]]:
    """What a body means: an algorithm and its parameters. Raises InvalidRequest."""
    own = ("args", "kwargs", "inputs", "stdin", "environment", "deterministic")
    given = {name: value for name in own if (value := getattr(read, name)) is not None}
    if (read.code is None) == (read.name is None):
        raise _invalid("code", "required, or else name: one of them")
    if read.code is not None:
        for name in ("version", "parameters"):
            if getattr(read, name):
                raise _invalid(name, "goes with name, not with code")
        given["code"] = read.code
        if read.function is None:
            return "python.run", given
        return "python.call", given | {"function": read.function}
    if given or read.function is not None:
        first = next(iter(given), "function")
        raise _invalid(first, "goes with code; what a registered algorithm takes are parameters")
    version = f"@{read.version}" if read.version else ""
    return f"{_full(read.name or '')}{version}", read.parameters or {}


def _model(name: str, takers: list[str]) -> dict[str, Any]:
    return {"name": name, "algorithms": takers}


def _taker(takers: list[str], parameters: dict[str, Any]) -> str:
    """The algorithm that a model is called by."""
    wanted = "ml.chat" if "messages" in parameters else "ml.generate"
    return wanted if wanted in takers else takers[0]


def _full(name: str) -> str:
    return name if name.startswith("python.") else f"python.{name}"


def _invalid(field: str, expected: str) -> InvalidRequest:
    return InvalidRequest([Violation(field, expected)])

"""The application: all routes in order, one translation of errors, OpenAPI.

Rules: FastAPI routes and describes; bodies are read by `body`, which bounds them, so no route has
FastAPI read one. Pages of documentation would load scripts from elsewhere, so there is only the
document itself, `/openapi.json`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp

from edgemesh_gateway.rest import (
    accounts,
    asking,
    catalog,
    chains,
    compute,
    dialect,
    inference,
    jobs,
    models,
    models_served,
    problem,
    python,
    schedules,
    sessions,
    sockets,
)
from edgemesh_gateway.rest.desk import Desk
from edgemesh_gateway.rest.guard import Guard
from edgemesh_gateway.rest.mcp import routes as mcp_routes
from edgemesh_gateway.rest.openai import bodies, chat, completions, embeddings, offering
from edgemesh_gateway.rest.problem import Fault
from mesh_service.errors import InvalidRequest, MeshError, Violation

_REASONS = {404: "NO_SUCH_PATH", 405: "METHOD_NOT_ALLOWED"}
ROUTES = (
    catalog.routes,
    compute.routes,
    python.routes,
    sessions.routes,
    jobs.routes,
    schedules.routes,
    chains.routes,
    models_served.routes,
    accounts.routes,
    sockets.routes,
    chat.routes,
    completions.routes,
    embeddings.routes,
    offering.routes,
    inference.routes,
    compute.twins,
)
"""In order: the last would match what others are for."""


def make(
    desk: Desk,
    origins: Sequence[str],
    hosts: frozenset[str] | None,
    version: str,
    *,
    mcp: bool,
) -> ASGIApp:
    """The application behind its guard."""
    api = FastAPI(
        title="edgemesh",
        version=version,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for routes in ROUTES:
        api.include_router(routes(desk))
    if mcp:
        api.include_router(mcp_routes.routes(desk, version))
    for kind in (MeshError, grpc.aio.AioRpcError, Fault):
        api.add_exception_handler(kind, _refused)
    api.add_exception_handler(HTTPException, _no_route)
    api.add_exception_handler(RequestValidationError, _invalid)
    _describe(api)
    if not origins:
        return Guard(api, origins, hosts)
    shared = CORSMiddleware(
        api,
        allow_origins=origins,
        allow_methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=["Authorization", "Content-Type", asking.REQUEST_ID, asking.DEADLINE],
        expose_headers=[
            "Edgemesh-Request-Id",
            "Edgemesh-Outcome",
            "Edgemesh-Algorithm",
            "Location",
        ],
    )
    return Guard(shared, origins, hosts)


def _describe(api: FastAPI) -> None:
    """Have OpenAPI tell of bodies too, and of the credentials that there may be."""
    plain = api.openapi

    def openapi() -> dict[str, Any]:
        if api.openapi_schema is None:
            document = plain()
            _, schemas = models_json_schema(
                [(model, "validation") for model in (*models.ALL, *bodies.ALL)],
                ref_template="#/components/schemas/{model}",
            )
            components = document.setdefault("components", {})
            components.setdefault("schemas", {}).update(schemas["$defs"])
            components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            document["security"] = [{}, {"key": []}]
            _without(document, "422")
            api.openapi_schema = document
        return api.openapi_schema

    api.openapi = openapi


def _without(document: dict[str, Any], status: str) -> None:
    """FastAPI tells of an answer that is not made here: what is wrong is a problem."""
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop(status, None)


async def _refused(request: Request, error: Exception) -> Response:
    return dialect.refused(request.url.path, problem.of(error, asking.request_id(request)))


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    reason = _REASONS.get(error.status_code, "BAD_REQUEST")
    fault = Fault(error.status_code, reason, f"{request.method} {request.url.path[:256]}")
    if error.status_code == 405:
        fault.headers = {"Allow": ", ".join(_allowed(request))}
    return await _refused(request, fault)


def _allowed(request: Request) -> list[str]:
    """The methods of a path; of several routes that match it too."""
    routes: list[BaseRoute] = request.app.router.routes
    found = {
        method
        for route in routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
    return sorted(found)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    wrong = [
        Violation(".".join(str(step)[:128] for step in each["loc"]), str(each["msg"])[:256])
        for each in error.errors()
    ]
    return await _refused(request, InvalidRequest(wrong))

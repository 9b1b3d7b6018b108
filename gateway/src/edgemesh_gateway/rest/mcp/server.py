"""The server of the `mcp` package with our two handlers: which tools there are, and a tool's call.

Rules: a tool that there is not is the protocol's error; all else that goes wrong is a result.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import grpc
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
)
from starlette.requests import Request

from edgemesh_gateway.rest import asking, compute, problem
from edgemesh_gateway.rest.answers import SMALL
from edgemesh_gateway.rest.body import Body
from edgemesh_gateway.rest.computing import COMPUTE
from edgemesh_gateway.rest.desk import Desk
from edgemesh_gateway.rest.mcp import results, tools
from edgemesh_gateway.rest.problem import Fault
from mesh_service.errors import MeshError, UnknownAlgorithm

INSTRUCTIONS = (
    "Tools compute: native algorithms (cpp-…), models (ml-…), and programs in a sandbox without "
    "network or files (python-run). Arrays are nested lists of numbers. A result with an outcome "
    "other than OK says in `failure` what went wrong."
)
Context = ServerRequestContext[Any]


def make(desk: Desk, version: str) -> Server[Any]:
    """The server."""

    async def list_tools(context: Context, _: PaginatedRequestParams | None) -> ListToolsResult:
        found = await desk.listed("", asking.caller(_request(context)))
        return ListToolsResult(tools=[tools.tool(each) for each in found if each.default_version])

    async def call_tool(context: Context, params: CallToolRequestParams) -> CallToolResult:
        request = _request(context)
        try:
            raw = await _computed(desk, request, params)
        except UnknownAlgorithm as error:
            raise MCPError(INVALID_PARAMS, f"tool {params.name[:128]!r}: {error}") from None
        except (MeshError, grpc.aio.AioRpcError, Fault) as error:
            return results.refused(problem.of(error, asking.request_id(request)))
        if len(raw) <= SMALL:
            return results.of(raw)
        return await asyncio.to_thread(results.of, raw)

    return Server(
        "edgemesh",
        version=version,
        instructions=INSTRUCTIONS,
        # No parameter of ours is told by a header too; without this each call would list all tools.
        get_tool_input_schema=lambda _: None,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


async def _computed(desk: Desk, request: Request, params: CallToolRequestParams) -> bytes:
    """A ComputeResponse. Raises MeshError, AioRpcError."""
    algorithm = await _algorithm(desk, request, params.name)
    ask = await compute.beside(desk, request, algorithm, Body(dict(params.arguments or {})))
    caller = asking.caller(request, ask.deadline_ms)
    return await desk.core.raw(COMPUTE, ask.message.SerializeToString(), caller)


async def _algorithm(desk: Desk, request: Request, tool: str) -> str:
    if len(tool) < tools.MOST_NAME:
        return tools.algorithm_of(tool)
    for each in await desk.listed("", asking.caller(request)):
        if tools.name_of(each.algorithm.name) == tool:
            return each.algorithm.name
    return tools.algorithm_of(tool)


def _request(context: Context) -> Request:
    return cast(Request, context.request)

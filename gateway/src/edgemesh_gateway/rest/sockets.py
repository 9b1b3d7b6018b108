"""A WebSocket on which a caller asks for work, as often as it likes, and gets events as they come.

    caller  {"algorithm": "python.run", "parameters": {…}, "inputs": {…}, "request_id": "a", …}
            {"cancel": "a"}
    gateway {"request_id": "a", "event": "output", "sequence": 1, "data": {…}}
            {"request_id": "a", "event": "response", "sequence": 2, "data": {…}}       last, or
            {"request_id": "a", "event": "error", "data": {problem}}                   last

Rules: an algorithm's request and its cancellation are all that a message can be; work of one socket
runs side by side, told apart by its ids; when the socket closes all of it is cancelled.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import grpc
from edgemesh.compute.v1 import compute_pb2
from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from edgemesh_gateway.rest import answers, asking, models, plain, problem
from edgemesh_gateway.rest.body import Body
from edgemesh_gateway.rest.compute import asked
from edgemesh_gateway.rest.desk import NOBODY, PREFIX, Desk
from edgemesh_gateway.rest.models import SocketBody
from edgemesh_gateway.rest.problem import Fault
from mesh_service.errors import Cancelled, InvalidRequest, MeshError, Violation
from mesh_service.stack import new_request_id, valid_request_id

PATH = f"{PREFIX}/ws"
MOST_AT_ONCE = 16
_NOT_TEXT = 1003


def routes(desk: Desk) -> APIRouter:
    """The one there is."""
    router = APIRouter()

    @router.websocket(PATH)
    async def serve(socket: WebSocket) -> None:
        try:
            await desk.listed(NOBODY, asking.caller(socket))
        except MeshError as error:
            found = problem.of(error, asking.request_id(socket))
            await socket.send_denial_response(answers.refused(found))
            return
        await socket.accept()
        await _Conversation(desk, socket).run()

    return router


class _Conversation:
    """What is said on one socket."""

    def __init__(self, desk: Desk, socket: WebSocket) -> None:
        self._desk, self._socket = desk, socket
        self._running: dict[str, asyncio.Task[None]] = {}
        self._sending = asyncio.Lock()

    async def run(self) -> None:
        """Until the caller closes it."""
        try:
            while True:
                message = await self._socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                if message.get("text") is None:
                    await self._socket.close(_NOT_TEXT, "messages are JSON, as text")
                    return
                await self._take(message["text"])
        except WebSocketDisconnect:
            pass
        finally:
            for task in self._running.values():
                task.cancel()
            if self._running:
                await asyncio.wait(self._running.values())

    async def _take(self, text: str) -> None:
        request_id = ""
        try:
            fields = _object(text)
            if "cancel" in fields:
                self._cancel(fields)
                return
            given = fields.get("request_id")
            request_id = given if isinstance(given, str) and given else new_request_id()
            read = models.read(SocketBody, {**fields, "request_id": request_id})
            if not valid_request_id(request_id):
                raise _invalid("request_id", "at most 128 characters of [A-Za-z0-9._-]")
            if request_id in self._running:
                raise _invalid("request_id", "one of which nothing runs on this socket")
            if len(self._running) >= MOST_AT_ONCE:
                raise Fault(429, "TOO_MANY_REQUESTS", f"at most {MOST_AT_ONCE} run at once here")
        except (MeshError, Fault) as error:
            await self._fail(request_id, error)
            return
        task = asyncio.create_task(self._work(read))
        self._running[request_id] = task
        task.add_done_callback(lambda _: self._running.pop(request_id, None))

    def _cancel(self, fields: dict[str, Any]) -> None:
        named = fields["cancel"]
        if len(fields) > 1 or not isinstance(named, str):
            raise _invalid("cancel", "alone, the request_id of work that runs")
        task = self._running.get(named)
        if task is not None:  # It may just have ended.
            task.cancel(named)

    async def _work(self, read: SocketBody) -> None:
        request_id = read.request_id

        def render(event: compute_pb2.ComputeEvent) -> bytes:
            kind, data = plain.event(event, read.tensors)
            told = {"request_id": request_id, "event": kind, "sequence": event.sequence}
            return answers.dumps({**told, "data": data})

        try:
            ask = await asked(read.algorithm, read, Body({}))
            caller = asking.caller(self._socket, ask.deadline_ms)
            pieces = self._desk.computing.pieces(ask, caller, render)
            try:
                async for piece in pieces:
                    await self._send(piece)
            finally:
                await pieces.aclose()
        except (MeshError, grpc.aio.AioRpcError) as error:
            await self._fail(request_id, error)
        except asyncio.CancelledError as error:
            if error.args == (request_id,):
                await self._fail(request_id, Cancelled())
            raise

    async def _fail(self, request_id: str, error: BaseException) -> None:
        told = {"request_id": request_id} if request_id else {}
        body = problem.of(error, request_id).body()
        await self._send(answers.dumps({**told, "event": "error", "data": body}))

    async def _send(self, piece: bytes) -> None:
        async with self._sending:
            try:
                await self._socket.send_text(piece.decode())
            except (WebSocketDisconnect, RuntimeError):
                raise asyncio.CancelledError from None


def _object(text: str) -> dict[str, Any]:
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        raise _invalid("message", "JSON") from None
    if not isinstance(found, dict):
        raise _invalid("message", "a JSON object")
    return cast(dict[str, Any], found)


def _invalid(field: str, expected: str) -> InvalidRequest:
    return InvalidRequest([Violation(field, expected)])

"""Sessions as an executor keeps them, without anything in them: for what the gateway does."""

from __future__ import annotations

from typing import Any

import grpc
from edgemesh.compute.v1 import session_pb2, session_pb2_grpc

from mesh_service import errors, translate

Context = Any


class FakeSessions(session_pb2_grpc.SessionServiceServicer):
    """Those of one replica, by tenant and name."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], session_pb2.Session] = {}
        self.data: dict[tuple[str, str], bytes] = {}
        self.asked: list[str] = []
        """Methods, in order of arrival."""

    def names(self) -> set[str]:
        """Of all tenants' sessions."""
        return {name for _, name in self.kept}

    def _key(self, method: str, name: str, context: Context) -> tuple[str, str]:
        self.asked.append(method)
        return str(dict(context.invocation_metadata())["edgemesh-tenant"]), name

    async def _kept(self, key: tuple[str, str], context: Context) -> session_pb2.Session:
        found = self.kept.get(key)
        if found is None:
            status = translate.to_status(errors.UnknownSession(key[1]))
            details = ((translate.DETAILS_KEY, status.SerializeToString()),)
            await context.abort(grpc.StatusCode.NOT_FOUND, status.message, details)
            raise AssertionError("abort raises")
        return found

    def _make(self, key: tuple[str, str], **fields: Any) -> session_pb2.Session:
        self.kept[key] = session_pb2.Session(session_id=key[1], **fields)
        return self.kept[key]

    async def CreateSession(
        self, request: session_pb2.CreateSessionRequest, context: Context
    ) -> session_pb2.CreateSessionResponse:
        key = self._key("Create", request.session_id, context)
        made = self._make(key, deterministic=request.deterministic)
        return session_pb2.CreateSessionResponse(session=made)

    async def GetSession(
        self, request: session_pb2.GetSessionRequest, context: Context
    ) -> session_pb2.GetSessionResponse:
        key = self._key("Get", request.session_id, context)
        return session_pb2.GetSessionResponse(session=await self._kept(key, context))

    async def ListSessions(
        self, request: session_pb2.ListSessionsRequest, context: Context
    ) -> session_pb2.ListSessionsResponse:
        tenant, _ = self._key("List", "", context)
        names = sorted(n for t, n in self.kept if t == tenant and n > request.after)
        most = request.page_size or 1000
        response = session_pb2.ListSessionsResponse(
            sessions=[self.kept[tenant, name] for name in names[:most]]
        )
        if len(names) > most:
            response.next_after = names[most - 1]
        return response

    async def ForkSession(
        self, request: session_pb2.ForkSessionRequest, context: Context
    ) -> session_pb2.ForkSessionResponse:
        origin = self._key("Fork", request.session_id, context)
        key = origin[0], request.fork_id
        self.data[key] = self.data.get(origin, b"")
        made = self._make(key, deterministic=(await self._kept(origin, context)).deterministic)
        return session_pb2.ForkSessionResponse(session=made)

    async def ExportSession(
        self, request: session_pb2.ExportSessionRequest, context: Context
    ) -> session_pb2.ExportSessionResponse:
        key = self._key("Export", request.session_id, context)
        return session_pb2.ExportSessionResponse(
            session=await self._kept(key, context), data=self.data.get(key, b"")
        )

    async def ImportSession(
        self, request: session_pb2.ImportSessionRequest, context: Context
    ) -> session_pb2.ImportSessionResponse:
        key = self._key("Import", request.session_id, context)
        self.data[key] = request.data
        return session_pb2.ImportSessionResponse(session=self._make(key))

    async def InspectSession(
        self, request: session_pb2.InspectSessionRequest, context: Context
    ) -> session_pb2.InspectSessionResponse:
        key = self._key("Inspect", request.session_id, context)
        return session_pb2.InspectSessionResponse(session=await self._kept(key, context))

    async def ResetSession(
        self, request: session_pb2.ResetSessionRequest, context: Context
    ) -> session_pb2.ResetSessionResponse:
        key = self._key("Reset", request.session_id, context)
        return session_pb2.ResetSessionResponse(session=await self._kept(key, context))

    async def UndoSession(
        self, request: session_pb2.UndoSessionRequest, context: Context
    ) -> session_pb2.UndoSessionResponse:
        key = self._key("Undo", request.session_id, context)
        return session_pb2.UndoSessionResponse(session=await self._kept(key, context))

    async def DeleteSession(
        self, request: session_pb2.DeleteSessionRequest, context: Context
    ) -> session_pb2.DeleteSessionResponse:
        key = self._key("Delete", request.session_id, context)
        await self._kept(key, context)
        del self.kept[key]
        return session_pb2.DeleteSessionResponse()

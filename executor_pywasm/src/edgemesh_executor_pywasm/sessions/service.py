"""SessionService: make, look at, fork, undo and delete sessions.

Rules: converts and delegates. A session of another tenant's is one that is not there: the same
error, after the same work.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar, cast

from edgemesh.compute.v1 import compute_pb2, session_pb2
from google.protobuf.message import Message

from edgemesh_executor_pywasm.describe import RUN
from edgemesh_executor_pywasm.sessions.file import FULL, SessionFile
from edgemesh_executor_pywasm.sessions.form import check
from edgemesh_executor_pywasm.sessions.keeper import INSPECTING, NAME, TENANT, Keeper, is_name
from edgemesh_executor_pywasm.sessions.store import Entry
from edgemesh_executor_pywasm.sessions.vault import Damaged
from mesh_service import errors
from mesh_service.errors import Violation
from mesh_service.executor.sessions import Host
from mesh_service.messages import parse
from mesh_service.stack import Handler, Rpc

SERVICE: str = session_pb2.DESCRIPTOR.services_by_name["SessionService"].full_name
MOST_PAGE = 1000


class _Named(Protocol):
    session_id: str
    executor: str


Request = TypeVar("Request", bound=Message)


class SessionMethods:
    """The servicer of SessionService."""

    def __init__(self, keeper: Keeper, host: Host, name: str) -> None:
        """`name`: the executor's."""
        self._keeper, self._host, self._name = keeper, host, name
        self._store = keeper.store

    def methods(self) -> dict[str, tuple[str, Handler]]:
        """What a server is given."""
        return {
            "CreateSession": ("unary", self._create),
            "GetSession": ("unary", self._get),
            "ListSessions": ("unary", self._list),
            "InspectSession": ("unary", self._inspect),
            "ForkSession": ("unary", self._fork),
            "ResetSession": ("unary", self._reset),
            "UndoSession": ("unary", self._undo),
            "ExportSession": ("unary", self._export),
            "ImportSession": ("unary", self._import),
            "DeleteSession": ("unary", self._delete),
        }

    async def _create(self, raw: bytes, rpc: Rpc) -> bytes:
        request, tenant = self._read(session_pb2.CreateSessionRequest, raw, rpc)
        entry = self._store.make(tenant, request.session_id, deterministic=request.deterministic)
        return _told(session_pb2.CreateSessionResponse(session=self._session(entry)))

    async def _get(self, raw: bytes, rpc: Rpc) -> bytes:
        request, tenant = self._read(session_pb2.GetSessionRequest, raw, rpc)
        entry = self._store.find(tenant, request.session_id)
        return _told(session_pb2.GetSessionResponse(session=self._session(entry)))

    async def _list(self, raw: bytes, rpc: Rpc) -> bytes:
        self._host.authenticate(rpc)
        request = parse(session_pb2.ListSessionsRequest, raw)
        self._own(request.executor)
        most = min(request.page_size or MOST_PAGE, MOST_PAGE)
        found = [e for e in self._store.of(rpc.header(TENANT)) if e.id > request.after]
        found = [entry for entry in found if not self._store.ended(entry)]
        more = found[most - 1].id if len(found) > most else ""
        sessions = [self._session(entry) for entry in found[:most]]
        return _told(session_pb2.ListSessionsResponse(sessions=sessions, next_after=more))

    async def _inspect(self, raw: bytes, rpc: Rpc) -> bytes:
        request, tenant = self._read(session_pb2.InspectSessionRequest, raw, rpc)
        self._store.find(tenant, request.session_id)
        rpc.notes[INSPECTING] = True
        asked = compute_pb2.ComputeRequest(
            request_id=rpc.request_id,
            algorithm=RUN,
            session_id=request.session_id,
            parameters='{"code": ""}',
            limits=compute_pb2.Limits(output_bytes=1 << 22),
        )
        answer = compute_pb2.ComputeResponse.FromString(
            await self._host.execute(asked.SerializeToString(), rpc)
        )
        told: Any = json.loads(answer.result or "null")
        if answer.outcome != compute_pb2.OUTCOME_OK or not isinstance(told, dict):
            found = answer.failure.message or "no answer"
            raise errors.UnusableSession("a session that can be looked at", found)
        response = session_pb2.InspectSessionResponse(
            session=self._session(self._store.find(tenant, request.session_id)),
            variables=list(_variables(cast(dict[str, Any], told))),
            figures=_count(cast(dict[str, Any], told).get("figures")),
            memory_bytes=answer.usage.peak_memory_bytes,
        )
        return _told(response)

    async def _fork(self, raw: bytes, rpc: Rpc) -> bytes:
        request, tenant = self._read(session_pb2.ForkSessionRequest, raw, rpc)
        if not is_name(request.fork_id):
            raise errors.InvalidRequest([Violation("fork_id", NAME)])
        entry = self._store.find(tenant, request.session_id)
        async with self._keeper.held(entry):
            path, description = self._store.place(
                tenant, request.fork_id, deterministic=entry.deterministic
            )
            self._store.check_room(tenant, entry.file.nbytes)
            if not entry.deterministic:
                description["forked_at"] = entry.file.calls
            if entry.environment:
                description["environment"] = entry.environment
            copied = await self._beside(entry, lambda: entry.file.copy(path, description))
            fork = self._store.enter(tenant, request.fork_id, copied)
        return _told(session_pb2.ForkSessionResponse(session=self._session(fork)))

    async def _reset(self, raw: bytes, rpc: Rpc) -> bytes:
        request, tenant = self._read(session_pb2.ResetSessionRequest, raw, rpc)
        entry = self._store.find(tenant, request.session_id)
        async with self._keeper.held(entry):
            description = {k: v for k, v in entry.file.description.items() if k != "forked_at"}
            if entry.file.grounded:
                description["forked_at"] = 0
            await self._beside(entry, lambda: entry.file.describe(description, reset=True))
            entry.renumber()
            entry.touch()
        return _told(session_pb2.ResetSessionResponse(session=self._session(entry)))

    async def _undo(self, raw: bytes, rpc: Rpc) -> bytes:
        request, tenant = self._read(session_pb2.UndoSessionRequest, raw, rpc)
        entry = self._store.find(tenant, request.session_id)
        async with self._keeper.held(entry):
            if not 1 <= request.calls <= entry.file.undoable:
                most = f"1 to {entry.file.undoable}, which can be undone; not {request.calls}"
                raise errors.InvalidRequest([Violation("calls", most)])
            await self._beside(entry, lambda: entry.file.undo(request.calls))
            entry.renumber()
            entry.touch()
        return _told(session_pb2.UndoSessionResponse(session=self._session(entry)))

    async def _export(self, raw: bytes, rpc: Rpc) -> bytes:
        request, tenant = self._read(session_pb2.ExportSessionRequest, raw, rpc)
        entry = self._store.find(tenant, request.session_id)
        async with self._keeper.held(entry):
            data = await self._beside(entry, entry.file.state)
        return _told(session_pb2.ExportSessionResponse(session=self._session(entry), data=data))

    async def _import(self, raw: bytes, rpc: Rpc) -> bytes:
        request, tenant = self._read(session_pb2.ImportSessionRequest, raw, rpc)
        if len(request.data) > self._store.quotas.session_nbytes:
            raise errors.QuotaExceeded("bytes of a session", self._store.quotas.session_nbytes)
        await asyncio.to_thread(check, request.data)
        self._store.check_room(tenant, len(request.data))
        entry = self._store.make(tenant, request.session_id)
        async with self._keeper.held(entry):
            await self._beside(entry, lambda: entry.file.append(FULL, 1, request.data))
            entry.touch()
        return _told(session_pb2.ImportSessionResponse(session=self._session(entry)))

    async def _delete(self, raw: bytes, rpc: Rpc) -> bytes:
        request, tenant = self._read(session_pb2.DeleteSessionRequest, raw, rpc)
        entry = self._store.find(tenant, request.session_id)
        async with self._keeper.held(entry):
            self._store.remove(entry)
        return _told(session_pb2.DeleteSessionResponse())

    async def _beside(self, entry: Entry, work: Callable[[], Result]) -> Result:
        """Work on a session's file, beside the loop; to its end, even if the caller leaves."""
        try:
            return await asyncio.shield(asyncio.to_thread(work))
        except Damaged as error:
            raise errors.UnusableSession("what was stored", f"other bytes: {error}") from None

    def _read(self, kind: type[Request], raw: bytes, rpc: Rpc) -> tuple[Request, str]:
        self._host.authenticate(rpc)
        request = parse(kind, raw)
        named = cast(_Named, request)
        if not is_name(named.session_id):
            raise errors.InvalidRequest([Violation("session_id", NAME)])
        self._own(named.executor)
        return request, rpc.header(TENANT)

    def _own(self, executor: str) -> None:
        if executor not in ("", self._name):
            raise errors.InvalidRequest(
                [Violation("executor", f"this one, {self._name!r}, or empty")]
            )

    def _session(self, entry: Entry) -> session_pb2.Session:
        file: SessionFile = entry.file
        return session_pb2.Session(
            session_id=entry.id,
            calls=file.calls,
            undoable=file.undoable,
            stored_bytes=file.nbytes,
            created_ms=int(float(file.description.get("created", 0)) * 1e3),
            used_ms=int(entry.used * 1e3),
            expires_ms=int(self._store.expires(entry) * 1e3),
            deterministic=entry.deterministic,
            environment=entry.environment,
        )


Result = TypeVar("Result")


def _variables(told: dict[str, Any]) -> Iterator[session_pb2.Variable]:
    """The guest's words, as far as they make sense."""
    names = told.get("names")
    for one in cast(list[Any], names) if isinstance(names, list) else ():
        if isinstance(one, dict):
            fields = cast(dict[str, Any], one)
            variable = session_pb2.Variable(
                name=str(fields.get("name", "")),
                type=str(fields.get("type", "")),
                size_bytes=_count(fields.get("bytes")),
                dtype=str(fields.get("dtype", "")),
            )
            shape = fields.get("shape")
            if isinstance(shape, list):
                variable.shape.extend(_count(n) for n in cast(list[Any], shape)[:64])
            if "length" in fields:
                variable.length = _count(fields["length"])
            yield variable


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 1 << 62 else 0


def _told(message: Message) -> bytes:
    return message.SerializeToString()

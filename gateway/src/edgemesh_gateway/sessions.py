"""SessionService: callers manage the sessions that an executor keeps for them.

Rules: a call is passed on as it is, with the caller's tenant, to the replica that the session
belongs to; the gateway neither keeps nor knows sessions. A list is that of all replicas, and none
where one of them is away: what is missing in it would look deleted. A fork that belongs to another
replica than its origin is an export from there and an import here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias, cast

from edgemesh.compute.v1 import session_pb2
from google.protobuf.message import Message

from edgemesh_gateway import passing
from edgemesh_gateway.authenticate import Authenticator
from edgemesh_gateway.endpoint import Endpoint
from edgemesh_gateway.executor import Executor
from mesh_service.messages import parse
from mesh_service.stack import Handler, Rpc

_DESCRIPTOR = session_pb2.DESCRIPTOR.services_by_name["SessionService"]
SERVICE: str = _DESCRIPTOR.full_name
TIMEOUT_S = 60.0
MOST_LISTED = 1000
WRITE = "sessions:write"
_LOOKS = ("Get", "List", "Inspect")
"""How methods begin that need no scope: a session is its tenant's own."""
_KEEPS = "python.run"
"""Who offers this keeps sessions."""
_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")


def keeps(executor: Executor) -> bool:
    """Whether an executor keeps sessions."""
    return any(algorithm.name == _KEEPS for algorithm in executor.algorithms)


class _Request(Protocol):
    executor: str
    session_id: str


_Ask: TypeAlias = Callable[[Endpoint, str, bytes], Awaitable[bytes]]
"""Passes a request of that method on to a replica."""


class Sessions:
    """The servicer of SessionService."""

    def __init__(self, authenticator: Authenticator, executors: Sequence[Executor]) -> None:
        self._authenticator, self._executors = authenticator, executors

    def methods(self) -> dict[str, tuple[str, Handler]]:
        """What a server is given."""
        return passing.methods(_DESCRIPTOR, self._passing)

    def _passing(self, method: str, kind: type[Message]) -> Handler:
        scope = "" if method.startswith(_LOOKS) else WRITE

        async def handle(raw: bytes, rpc: Rpc) -> bytes:
            tenant = (await self._authenticator.authenticate(rpc, scope)).tenant
            parsed = parse(kind, raw)
            request = cast(_Request, parsed)
            executor = passing.keeper(
                self._executors, _KEEPS, request.executor, "no executor keeps sessions"
            )

            async def ask(endpoint: Endpoint, method: str, raw: bytes) -> bytes:
                return await passing.pass_on(
                    endpoint,
                    SERVICE,
                    method,
                    raw,
                    rpc,
                    tenant,
                    timeout_s=TIMEOUT_S,
                    started=True,
                )

            if len(executor.endpoints) == 1:
                return await ask(executor.endpoints[0], method, raw)
            if isinstance(parsed, session_pb2.ListSessionsRequest):
                return await _list(parsed, raw, executor, ask)
            endpoint = _there(executor.of_session(tenant, request.session_id))
            if isinstance(parsed, session_pb2.ForkSessionRequest) and _NAME.fullmatch(
                parsed.fork_id
            ):
                target = _there(executor.of_session(tenant, parsed.fork_id))
                if target is not endpoint:
                    return await _fork(parsed, endpoint, target, ask)
            return await ask(endpoint, method, raw)

        return handle


async def _list(
    request: session_pb2.ListSessionsRequest, raw: bytes, executor: Executor, ask: _Ask
) -> bytes:
    there = [_there(endpoint) for endpoint in executor.endpoints]
    answers = await asyncio.gather(*(ask(endpoint, "ListSessions", raw) for endpoint in there))
    told = [
        passing.read(session_pb2.ListSessionsResponse, answer, executor.name) for answer in answers
    ]
    sessions = sorted(
        (session for each in told for session in each.sessions), key=lambda s: s.session_id
    )
    most = min(request.page_size or MOST_LISTED, MOST_LISTED)
    page = session_pb2.ListSessionsResponse(sessions=sessions[:most])
    # Where a replica has more after its page, its last one is in ours or behind it.
    if len(sessions) > most or any(each.next_after for each in told):
        page.next_after = page.sessions[-1].session_id
    return page.SerializeToString()


async def _fork(
    request: session_pb2.ForkSessionRequest, origin: Endpoint, target: Endpoint, ask: _Ask
) -> bytes:
    wanted = session_pb2.ExportSessionRequest(
        session_id=request.session_id, executor=request.executor
    )
    answer = await ask(origin, "ExportSession", wanted.SerializeToString())
    exported = passing.read(session_pb2.ExportSessionResponse, answer, origin.name)
    origin_is = exported.session
    if origin_is.environment or (origin_is.deterministic and exported.data):
        raise passing.invalid(
            "fork_id",
            "one that belongs to the replica of session_id, as another may: a session that is "
            "deterministic, or in an environment, is not forked to another replica",
        )
    if not exported.data:  # It has kept no call yet.
        new = session_pb2.CreateSessionRequest(
            session_id=request.fork_id,
            executor=request.executor,
            deterministic=origin_is.deterministic,
        )
        answer = await ask(target, "CreateSession", new.SerializeToString())
        made = passing.read(session_pb2.CreateSessionResponse, answer, target.name).session
    else:
        put = session_pb2.ImportSessionRequest(
            session_id=request.fork_id, executor=request.executor, data=exported.data
        )
        answer = await ask(target, "ImportSession", put.SerializeToString())
        made = passing.read(session_pb2.ImportSessionResponse, answer, target.name).session
    return session_pb2.ForkSessionResponse(session=made).SerializeToString()


def _there(endpoint: Endpoint) -> Endpoint:
    """Raise NotStarted where it is away."""
    if not endpoint.ready:
        raise endpoint.away()
    return endpoint

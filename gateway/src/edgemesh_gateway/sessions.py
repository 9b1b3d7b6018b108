"""SessionService: callers manage the sessions that an executor keeps for them.

Rules: a call is passed on as it is, with the caller's tenant; the gateway neither keeps nor knows
sessions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

import grpc
from edgemesh.compute.v1 import session_pb2
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from edgemesh_gateway.authenticate import Authenticator
from edgemesh_gateway.dispatch import TENANT, judge
from edgemesh_gateway.endpoint import Endpoint
from mesh_service import errors
from mesh_service.errors import Violation
from mesh_service.messages import parse
from mesh_service.stack import REQUEST_ID, Handler, Rpc

_DESCRIPTOR = session_pb2.DESCRIPTOR.services_by_name["SessionService"]
SERVICE: str = _DESCRIPTOR.full_name
TIMEOUT_S = 60.0
WRITE = "sessions:write"
_LOOKS = ("Get", "List", "Inspect")
"""How methods begin that need no scope: a session is its tenant's own."""
_KEEPS = "python.run"
"""Who offers this keeps sessions."""


class _Request(Protocol):
    executor: str


class Sessions:
    """The servicer of SessionService."""

    def __init__(self, authenticator: Authenticator, endpoints: Sequence[Endpoint]) -> None:
        self._authenticator, self._endpoints = authenticator, endpoints

    def methods(self) -> dict[str, tuple[str, Handler]]:
        """What a server is given."""
        return {
            method.name: ("unary", self._passing(method.name, GetMessageClass(method.input_type)))
            for method in _DESCRIPTOR.methods
        }

    def _passing(self, method: str, kind: type[Message]) -> Handler:
        scope = "" if method.startswith(_LOOKS) else WRITE

        async def handle(raw: bytes, rpc: Rpc) -> bytes:
            tenant = (await self._authenticator.authenticate(rpc, scope)).tenant
            request = cast(_Request, parse(kind, raw))
            endpoint = self._endpoint(request.executor)
            metadata = ((REQUEST_ID, rpc.request_id), (TENANT, tenant), *endpoint.identity)
            try:
                answer: bytes = await endpoint.method(SERVICE, method)(
                    raw, timeout=rpc.time_left() or TIMEOUT_S, metadata=metadata
                )
            except grpc.aio.AioRpcError as error:
                raise judge(error, endpoint, started=True) from None
            return answer

        return handle

    def _endpoint(self, name: str) -> Endpoint:
        found = {e.name: e for e in self._endpoints if any(a.name == _KEEPS for a in e.algorithms)}
        if not name and len(found) == 1:
            (name,) = found
        endpoint = found.get(name)
        if endpoint is None:
            known = ", ".join(found) or "none, for no executor keeps sessions now"
            raise _invalid("executor", f"required: one of {known}")
        return endpoint


def _invalid(field: str, expected: str) -> errors.InvalidRequest:
    return errors.InvalidRequest([Violation(field, expected)])

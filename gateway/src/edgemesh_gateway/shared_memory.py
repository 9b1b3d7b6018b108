"""SharedMemoryService: callers on this machine register shared memory with an executor beside them.

Rules: a call is passed on as it is, with the caller's tenant and user; the gateway neither opens
nor knows regions. Who the user is, the kernel says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import grpc
from edgemesh.compute.v1 import shared_memory_pb2

from edgemesh_gateway.authenticate import Authenticator
from edgemesh_gateway.dispatch import TENANT, judge
from edgemesh_gateway.endpoint import Endpoint
from mesh_service import errors
from mesh_service.errors import Violation
from mesh_service.messages import parse
from mesh_service.peers import UID, Peers
from mesh_service.stack import REQUEST_ID, Handler, Rpc

SERVICE: str = shared_memory_pb2.DESCRIPTOR.services_by_name["SharedMemoryService"].full_name
TIMEOUT_S = 10.0
WRITE = "shared_memory:write"

_Request = TypeVar(
    "_Request",
    shared_memory_pb2.RegisterSharedMemoryRequest,
    shared_memory_pb2.SharedMemoryStatusRequest,
    shared_memory_pb2.UnregisterSharedMemoryRequest,
)


class SharedMemory:
    """The servicer of SharedMemoryService."""

    def __init__(
        self,
        authenticator: Authenticator,
        endpoints: Sequence[Endpoint],
        peers: Peers,
        offered: bool,
    ) -> None:
        self._authenticator = authenticator
        self._endpoints = {endpoint.name: endpoint for endpoint in endpoints}
        self._peers = peers
        self._offered = offered

    def methods(self) -> dict[str, tuple[str, Handler]]:
        """What a server is given."""
        return {
            "RegisterSharedMemory": ("unary", self._register),
            "SharedMemoryStatus": ("unary", self._status),
            "UnregisterSharedMemory": ("unary", self._unregister),
        }

    def user(self, rpc: Rpc) -> int | None:
        """Whose memory a call may name; None: nobody's."""
        return self._peers.user(rpc) if self._offered else None

    async def _register(self, raw: bytes, rpc: Rpc) -> bytes:
        tenant = (await self._authenticator.authenticate(rpc, WRITE)).tenant
        request = parse(shared_memory_pb2.RegisterSharedMemoryRequest, raw)
        return await self._pass_on("RegisterSharedMemory", request, raw, rpc, tenant)

    async def _status(self, raw: bytes, rpc: Rpc) -> bytes:
        tenant = (await self._authenticator.authenticate(rpc)).tenant
        request = parse(shared_memory_pb2.SharedMemoryStatusRequest, raw)
        return await self._pass_on("SharedMemoryStatus", request, raw, rpc, tenant)

    async def _unregister(self, raw: bytes, rpc: Rpc) -> bytes:
        tenant = (await self._authenticator.authenticate(rpc, WRITE)).tenant
        request = parse(shared_memory_pb2.UnregisterSharedMemoryRequest, raw)
        return await self._pass_on("UnregisterSharedMemory", request, raw, rpc, tenant)

    async def _pass_on(
        self, method: str, request: _Request, raw: bytes, rpc: Rpc, tenant: str
    ) -> bytes:
        user = self.user(rpc)
        if user is None:
            raise _invalid("request", "not offered here: for callers on the gateway's machine only")
        endpoint = self._endpoint(request.executor)
        metadata = ((REQUEST_ID, rpc.request_id), (TENANT, tenant), (UID, str(user)))
        try:
            answer: bytes = await endpoint.shared_memory(method)(
                raw, timeout=rpc.time_left() or TIMEOUT_S, metadata=metadata + endpoint.identity
            )
        except grpc.aio.AioRpcError as error:
            raise judge(error, endpoint, started=False) from None
        return answer

    def _endpoint(self, name: str) -> Endpoint:
        if not name and len(self._endpoints) == 1:
            (name,) = self._endpoints
        endpoint = self._endpoints.get(name)
        if endpoint is None:
            raise _invalid("executor", f"required: one of {', '.join(self._endpoints)}")
        return endpoint


def _invalid(field: str, expected: str) -> errors.InvalidRequest:
    return errors.InvalidRequest([Violation(field, expected)])

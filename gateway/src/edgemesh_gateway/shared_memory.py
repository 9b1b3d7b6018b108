"""SharedMemoryService: callers on this machine register shared memory with an executor beside them.

Rules: a call is passed on as it is, with the caller's tenant and user; the gateway neither opens
nor knows regions. Who the user is, the kernel says. A region is one replica's, so an executor of
several has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from edgemesh.compute.v1 import shared_memory_pb2

from edgemesh_gateway import passing
from edgemesh_gateway.authenticate import Authenticator
from edgemesh_gateway.endpoint import Endpoint
from edgemesh_gateway.executor import Executor
from mesh_service.messages import parse
from mesh_service.peers import UID, Peers
from mesh_service.stack import Handler, Rpc

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
        executors: Sequence[Executor],
        peers: Peers,
        offered: bool,
    ) -> None:
        self._authenticator = authenticator
        self._executors = {executor.name: executor for executor in executors}
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
            raise passing.invalid(
                "request", "not offered here: for callers on the gateway's machine only"
            )
        endpoint = self._endpoint(request.executor)
        return await passing.pass_on(
            endpoint,
            SERVICE,
            method,
            raw,
            rpc,
            tenant,
            timeout_s=TIMEOUT_S,
            started=False,
            more=((UID, str(user)),),
        )

    def _endpoint(self, name: str) -> Endpoint:
        if not name and len(self._executors) == 1:
            (name,) = self._executors
        executor = self._executors.get(name)
        if executor is None:
            raise passing.invalid("executor", f"required: one of {', '.join(self._executors)}")
        endpoint, *others = executor.endpoints
        if others:
            raise passing.invalid("executor", f"one that has one replica; {name} has several")
        return endpoint

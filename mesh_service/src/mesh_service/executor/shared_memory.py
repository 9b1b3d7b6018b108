"""SharedMemoryService: callers on this machine register regions.

Rules: converts and delegates; who asks is told by the kernel, never by the caller.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from edgemesh.compute.v1 import compute_pb2, shared_memory_pb2

from mesh_service import errors, tensors
from mesh_service.errors import Violation
from mesh_service.executor.regions import Caller, Regions, Taken
from mesh_service.executor.validate import Valid
from mesh_service.messages import parse
from mesh_service.peers import Peers
from mesh_service.settings import ExecutorSettings
from mesh_service.stack import Handler, Rpc

SERVICE: str = shared_memory_pb2.DESCRIPTOR.services_by_name["SharedMemoryService"].full_name
TENANT = "edgemesh-tenant"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}")
_MOST_PID = (1 << 22) - 1
NOWHERE = Taken()


class SharedMemory:
    """The servicer, and what a front asks of regions."""

    def __init__(
        self,
        settings: ExecutorSettings,
        peers: Peers,
        authenticate: Callable[[Rpc], None],
    ) -> None:
        """`authenticate` raises unless a call may be served at all."""
        self._settings = settings
        self._peers = peers
        self._authenticate = authenticate
        self._regions = Regions(settings)

    def methods(self) -> dict[str, tuple[str, Handler]]:
        """What a server is given."""
        return {
            "RegisterSharedMemory": ("unary", self._register),
            "SharedMemoryStatus": ("unary", self._status),
            "UnregisterSharedMemory": ("unary", self._unregister),
        }

    def take(self, valid: Valid, rpc: Rpc) -> Taken:
        """The places that a request names. Raises InvalidTensor."""
        if not tensors.in_regions(valid.request, valid.blobs):
            return NOWHERE
        if not self._settings.offers_shared_memory:
            raise errors.InvalidTensor(list(_without(valid.request, "not offered here")))
        user = self._peers.user(rpc)
        if user is None:
            away = "for callers on this machine only"
            raise errors.InvalidTensor(list(_without(valid.request, away)))
        return self._regions.take(valid.request, Caller(rpc.header(TENANT), user))

    def refuse(self, valid: Valid) -> None:
        """Raise InvalidTensor if a request names places, where its algorithm can use none."""
        if tensors.in_regions(valid.request, valid.blobs):
            raise errors.InvalidTensor(list(_without(valid.request, "not for this algorithm")))

    def close(self) -> None:
        """Let go of all regions."""
        self._regions.close()

    async def _register(self, raw: bytes, rpc: Rpc) -> bytes:
        request = parse(shared_memory_pb2.RegisterSharedMemoryRequest, raw)
        caller = self._caller(rpc, request.executor)
        if violations := list(_wrong(request)):
            raise errors.InvalidRequest(violations)
        region = self._regions.register(request, caller).told()
        return shared_memory_pb2.RegisterSharedMemoryResponse(region=region).SerializeToString()

    async def _status(self, raw: bytes, rpc: Rpc) -> bytes:
        request = parse(shared_memory_pb2.SharedMemoryStatusRequest, raw)
        found = self._regions.of(self._caller(rpc, request.executor), request.name)
        return shared_memory_pb2.SharedMemoryStatusResponse(
            regions=[one.told() for one in found]
        ).SerializeToString()

    async def _unregister(self, raw: bytes, rpc: Rpc) -> bytes:
        request = parse(shared_memory_pb2.UnregisterSharedMemoryRequest, raw)
        gone = self._regions.unregister(self._caller(rpc, request.executor), request.name)
        return shared_memory_pb2.UnregisterSharedMemoryResponse(
            regions=[one.told() for one in gone]
        ).SerializeToString()

    def _caller(self, rpc: Rpc, executor: str) -> Caller:
        self._authenticate(rpc)
        if executor not in ("", self._settings.service):
            raise _invalid("executor", f"this one, {self._settings.service!r}, or empty")
        if not self._settings.offers_shared_memory:
            raise _invalid("request", "not offered here: this executor takes no shared memory")
        user = self._peers.user(rpc)
        if user is None:
            raise _invalid("request", "a caller on the executor's machine")
        return Caller(rpc.header(TENANT), user)


def _wrong(request: shared_memory_pb2.RegisterSharedMemoryRequest) -> Iterator[Violation]:
    if not _NAME.fullmatch(request.name):
        yield Violation("name", "required: 1 to 255 characters of [A-Za-z0-9._-]")
    if request.WhichOneof("source") is None:
        yield Violation("shm_name", "required, or path")
    elif "/" in request.shm_name.removeprefix("/"):
        yield Violation("shm_name", "the name of POSIX shared memory: no slash but a first one")
    if request.offset % tensors.PLACE_ALIGNMENT:
        yield Violation("offset", f"a multiple of {tensors.PLACE_ALIGNMENT}, not {request.offset}")
    if not request.size:
        yield Violation("size", "required")
    elif request.offset + request.size > tensors.MOST_BYTES:
        yield Violation("size", "an end that fits memory; it overflows")
    if not 0 < request.owner_pid <= _MOST_PID:
        yield Violation("owner_pid", "required: the process with which the region goes")


def _without(request: compute_pb2.ComputeRequest, why: str) -> Iterator[Violation]:
    for name, tensor in request.inputs.items():
        if tensor.WhichOneof("storage") == "shared_memory":
            yield Violation(f"inputs.{name}.shared_memory", f"{why}; send `data`")
    for name in request.outputs_to:
        yield Violation(f"outputs_to.{name}", f"{why}; leave it out")


def _invalid(field: str, expected: str) -> errors.InvalidRequest:
    return errors.InvalidRequest([Violation(field, expected)])

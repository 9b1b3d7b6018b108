"""What work stands on: programs that a gateway keeps, environments, images of both.

Rules: an executor that has such gives its front a `Ground`; one that has none costs nothing. A
front knows no more of an image than that it is bytes in shared memory, which a worker gets with
each call and maps once. What is slow (making an image) is done before a request's own time begins
to count.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from edgemesh.compute.v1 import environment_pb2
from edgemesh.executor.v1 import executor_pb2

from mesh_service.executor.validate import Catalog, Offer, Valid
from mesh_service.messages import parse
from mesh_service.pool import Place
from mesh_service.stack import Handler, Rpc

PROGRAM = "edgemesh-program"
"""The header that names the program of a request."""
MOST_PROGRAM = 4 << 20


@dataclass(frozen=True, slots=True)
class Standing:
    """A request with what it stands on."""

    valid: Valid
    """As the worker is to see it."""
    image: Place | None
    """In a region in which this call has been counted; `leave` it."""
    late: bool = False
    """Whether it took so long that the request's time is to be reckoned anew."""
    environment: str = ""
    """What the caller calls the image, where that is an environment's."""

    def leave(self) -> None:
        """The call has ended."""
        if self.image is not None:
            self.image.region.leave()


class Ground(Protocol):
    """What an executor adds to its front."""

    namespaces: Sequence[str]
    """Those of the programs that it runs."""

    def offer(self, digest: str, catalog: Catalog) -> Offer:
        """A program as an algorithm. Raises UnknownProgram."""
        ...

    async def stand(self, valid: Valid, catalog: Catalog) -> Standing:
        """Find or make what a valid request stands on. Raises MeshError."""
        ...

    async def prepare(
        self, program: executor_pb2.Program, catalog: Catalog
    ) -> executor_pb2.PrepareProgramResponse:
        """Check, complete and keep a program. Raises InvalidRequest, NotStarted, …"""
        ...

    def put(self, raw: bytes) -> str:
        """Keep a serialised program; its digest. Raises InvalidRequest."""
        ...

    def environment(
        self, dependencies: Sequence[str], lock: str, catalog: Catalog
    ) -> AsyncIterator[environment_pb2.CreateEnvironmentResponse]:
        """Make an environment, and tell how far it is. Raises InvalidRequest, NotStarted, …"""
        ...

    async def close(self) -> None:
        """End what it has started."""
        ...


class GroundMethods:
    """The methods of ExecutorService that are about it."""

    def __init__(
        self,
        ground: Ground | None,
        catalog: Callable[[], Catalog],
        authenticate: Callable[[Rpc], None],
    ) -> None:
        self._ground, self._catalog, self._authenticate = ground, catalog, authenticate

    def methods(self) -> dict[str, tuple[str, Handler]]:
        """What a server is given; nothing where there is no ground."""
        if self._ground is None:
            return {}
        return {
            "PrepareProgram": ("unary", self._prepare),
            "PutProgram": ("unary", self._put),
            "PrepareEnvironment": ("stream", self._environment),
        }

    async def _prepare(self, raw: bytes, rpc: Rpc) -> bytes:
        self._authenticate(rpc)
        request = parse(executor_pb2.PrepareProgramRequest, raw)
        rpc.notes["algorithm"] = request.program.algorithm.name
        response = await self._given.prepare(request.program, self._catalog())
        return response.SerializeToString()

    async def _put(self, raw: bytes, rpc: Rpc) -> bytes:
        self._authenticate(rpc)
        digest = self._given.put(parse(executor_pb2.PutProgramRequest, raw).program)
        return executor_pb2.PutProgramResponse(digest=digest).SerializeToString()

    async def _environment(self, raw: bytes, rpc: Rpc) -> None:
        self._authenticate(rpc)
        request = parse(executor_pb2.PrepareEnvironmentRequest, raw)
        events: Any = self._given.environment(
            list(request.dependencies), request.lock, self._catalog()
        )
        async for event in events:
            await rpc.write(
                executor_pb2.PrepareEnvironmentResponse(event=event).SerializeToString()
            )

    @property
    def _given(self) -> Ground:
        assert self._ground is not None
        return self._ground

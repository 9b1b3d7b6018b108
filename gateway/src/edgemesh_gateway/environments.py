"""EnvironmentService: packages beside those that an executor's Python has.

Rules: the executor resolves, fetches and makes; the gateway passes its progress on, keeps the lock
for the tenant, and answers when that is on disk. A lock is enough to make it anywhere again.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Sequence

import grpc
from edgemesh.compute.v1 import environment_pb2
from edgemesh.executor.v1 import executor_pb2

from edgemesh_gateway import passing
from edgemesh_gateway.authenticate import Authenticator
from edgemesh_gateway.dispatch import judge
from edgemesh_gateway.programs import Programs
from edgemesh_gateway.store import EnvironmentRecord, Full, Store
from mesh_service import errors
from mesh_service.errors import Violation
from mesh_service.messages import parse
from mesh_service.stack import REQUEST_ID, Handler, Rpc

SERVICE: str = environment_pb2.DESCRIPTOR.services_by_name["EnvironmentService"].full_name
NAMESPACE = "python"
MOST_DEPENDENCIES = 64
MOST_DEPENDENCY = 256
WRITE = "environments:write"


class Environments:
    """The servicer of EnvironmentService."""

    def __init__(
        self,
        authenticator: Authenticator,
        store: Store,
        programs: Programs,
        most: int,
        timeout_s: float,
    ) -> None:
        self._authenticator, self._store, self._programs = authenticator, store, programs
        self._most, self._timeout_s = most, timeout_s

    def methods(self) -> dict[str, tuple[str, Handler]]:
        """What a server is given."""
        return {
            "CreateEnvironment": ("stream", self._create),
            "GetEnvironment": ("unary", self._get),
            "ListEnvironments": ("unary", self._list),
            "DeleteEnvironment": ("unary", self._delete),
        }

    async def make(
        self, dependencies: Sequence[str], rpc: Rpc, tenant: str
    ) -> environment_pb2.Environment:
        """Make one, and keep it for the tenant. Raises MeshError, and an executor's refusal."""
        made: environment_pb2.Environment | None = None
        async for event in self._made(dependencies, rpc):
            if event.WhichOneof("event") == "environment":
                made = event.environment
        return await self._keep(made, rpc, tenant)

    async def _create(self, raw: bytes, rpc: Rpc) -> None:
        tenant = (await self._authenticator.authenticate(rpc, WRITE)).tenant
        request = parse(environment_pb2.CreateEnvironmentRequest, raw)
        made: environment_pb2.Environment | None = None
        async for event in self._made(list(request.dependencies), rpc):
            if event.WhichOneof("event") == "environment":
                made = event.environment
            else:
                await rpc.write(event.SerializeToString())
        kept = await self._keep(made, rpc, tenant)
        last = environment_pb2.CreateEnvironmentResponse(environment=kept)
        await rpc.write(last.SerializeToString())

    async def _made(
        self, dependencies: Sequence[str], rpc: Rpc
    ) -> AsyncIterator[environment_pb2.CreateEnvironmentResponse]:
        if violations := list(_violations(dependencies)):
            raise errors.InvalidRequest(violations)
        executor = self._programs.runs(NAMESPACE)
        if executor is None:
            raise errors.NotStarted(NAMESPACE, 1.0)
        endpoint = self._programs.replica(executor, NAMESPACE)
        left = rpc.time_left()
        request = executor_pb2.PrepareEnvironmentRequest(dependencies=dependencies)
        call = endpoint.prepare_environment(
            request.SerializeToString(),
            timeout=self._timeout_s if left is None else min(left, self._timeout_s),
            metadata=((REQUEST_ID, rpc.request_id), *endpoint.identity),
        )
        try:
            async for answer in call:
                told = passing.read(executor_pb2.PrepareEnvironmentResponse, answer, endpoint.name)
                yield told.event
        except grpc.aio.AioRpcError as error:
            raise judge(error, endpoint, started=False) from None
        finally:
            call.cancel()

    async def _keep(
        self, made: environment_pb2.Environment | None, rpc: Rpc, tenant: str
    ) -> environment_pb2.Environment:
        if made is None:
            raise errors.Internal(rpc.request_id)
        made.created_ms = time.time_ns() // 1_000_000
        record = EnvironmentRecord(
            tenant=tenant,
            id=made.id,
            lock=made.lock,
            environment=made.SerializeToString(),
            created_ms=made.created_ms,
        )
        try:
            kept = await self._store.add_environment(record, self._most)
        except Full:
            raise errors.QuotaExceeded("environments", self._most) from None
        return environment_pb2.Environment.FromString(kept.environment)

    async def _get(self, raw: bytes, rpc: Rpc) -> bytes:
        tenant = (await self._authenticator.authenticate(rpc)).tenant
        request = parse(environment_pb2.GetEnvironmentRequest, raw)
        record = await self._store.environment(tenant, request.id)
        if record is None:
            raise errors.UnknownEnvironment(request.id)
        return environment_pb2.GetEnvironmentResponse(
            environment=environment_pb2.Environment.FromString(record.environment)
        ).SerializeToString()

    async def _list(self, raw: bytes, rpc: Rpc) -> bytes:
        tenant = (await self._authenticator.authenticate(rpc)).tenant
        parse(environment_pb2.ListEnvironmentsRequest, raw)
        response = environment_pb2.ListEnvironmentsResponse()
        for record in await self._store.environments(tenant):
            response.environments.add().MergeFromString(record.environment)
            response.environments[-1].lock = ""
        return response.SerializeToString()

    async def _delete(self, raw: bytes, rpc: Rpc) -> bytes:
        tenant = (await self._authenticator.authenticate(rpc, WRITE)).tenant
        request = parse(environment_pb2.DeleteEnvironmentRequest, raw)
        if not await self._store.delete_environment(tenant, request.id):
            raise errors.UnknownEnvironment(request.id)
        return environment_pb2.DeleteEnvironmentResponse().SerializeToString()


def _violations(dependencies: Sequence[str]) -> Iterator[Violation]:
    if not 0 < len(dependencies) <= MOST_DEPENDENCIES:
        yield Violation("dependencies", f"1 to {MOST_DEPENDENCIES}, not {len(dependencies)}")
        return
    for index, each in enumerate(dependencies):
        if not 0 < len(each) <= MOST_DEPENDENCY:
            yield Violation(f"dependencies[{index}]", f"1 to {MOST_DEPENDENCY} characters")

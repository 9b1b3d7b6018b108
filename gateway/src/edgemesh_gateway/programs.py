"""Which program a name means, and who can run it.

Rules: what executors offer by themselves comes first; then what the caller's tenant has registered;
then what another shares. A name costs one question to the database, and none for a second after
that: a gateway beside this one may have registered another version meanwhile. What this one does
itself is known at once. An executor that lacks a program or an environment is given it here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import grpc
from edgemesh.executor.v1 import executor_pb2
from google.rpc import error_details_pb2, status_pb2  # pyright: ignore[reportMissingTypeStubs]

from edgemesh_gateway.admit import Permit, Program
from edgemesh_gateway.endpoint import Endpoint
from edgemesh_gateway.executor import Executor
from edgemesh_gateway.route import Routes
from edgemesh_gateway.store import AlgorithmRecord, Store
from mesh_service import errors, translate
from mesh_service.stack import REQUEST_ID

FRESH_S = 1.0
"""How old an answer of the database may be."""
MOST_KNOWN = 4096
SUPPLY_S = 120.0
"""How long an executor may take to be given what it lacks, where its caller names no deadline."""


class Programs:
    """The gateway's programs, by the names that callers use."""

    def __init__(
        self,
        store: Store,
        executors: Sequence[Executor],
        routes: Routes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._executors, self._routes = store, executors, routes
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, AlgorithmRecord | None]] = {}

    def runs(self, namespace: str) -> Executor | None:
        """The executor that runs programs of a namespace, be it away or not."""
        able = [e for e in self._executors if namespace in e.program_namespaces]
        return next((e for e in able if e.runs(namespace)), able[0] if able else None)

    def replica(self, executor: Executor, namespace: str) -> Endpoint:
        """A replica of it that runs such programs now. Raises NotStarted where none does."""
        endpoint = executor.runs(namespace)
        if endpoint is None:
            raise executor.away()
        return endpoint

    def namespaces(self) -> set[str]:
        """Those of which some executor runs programs."""
        return {name for e in self._executors for name in e.program_namespaces}

    async def find(self, tenant: str, algorithm: str) -> AlgorithmRecord | None:
        """What the tenant means by a name, with or without a version."""
        key = tenant, algorithm
        at, record = self._known.get(key, (-FRESH_S, None))
        if self._clock() - at < FRESH_S:
            return record
        name, _, version = algorithm.partition("@")
        asked = self._clock()
        record = await self._store.algorithm(tenant, name, version)
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[key] = asked, record
        return record

    def forget(self) -> None:
        """Something has been registered or deleted."""
        self._known.clear()

    async def route(self, permit: Permit) -> Executor | None:
        """The executor of a registered algorithm, and note the program on the permit.

        None where the name is no such one's. Raises NotStarted while that executor is away.
        """
        algorithm = permit.algorithm
        if self._routes.offers_name(algorithm):
            return None
        namespace = algorithm.partition(".")[0]
        executor = self.runs(namespace)
        if executor is None:
            return None
        record = await self.find(permit.tenant, algorithm)
        if record is None:
            return None
        if executor.runs(namespace) is None:
            raise executor.away()
        permit.program = Program(record.digest, record.program)
        return executor

    async def supply(self, endpoint: Endpoint, permit: Permit, error: grpc.aio.AioRpcError) -> bool:
        """Give an executor what it lacks; False where there is nothing that it could be given."""
        reason = translate.reason_of(error)
        left = permit.rpc.time_left()
        timeout = SUPPLY_S if left is None else left
        metadata = ((REQUEST_ID, permit.rpc.request_id), *endpoint.identity)
        try:
            if reason == "UNKNOWN_PROGRAM" and permit.program is not None:
                put = executor_pb2.PutProgramRequest(program=permit.program.serialized)
                await endpoint.put_program(
                    put.SerializeToString(), timeout=timeout, metadata=metadata
                )
                return True
            if reason == "UNKNOWN_ENVIRONMENT":
                record = await self._store.environment(permit.tenant, _lacking(error))
                if record is None:
                    return False
                prepare = executor_pb2.PrepareEnvironmentRequest(lock=record.lock)
                making = endpoint.prepare_environment(
                    prepare.SerializeToString(), timeout=timeout, metadata=metadata
                )
                try:
                    async for _ in making:
                        pass
                finally:  # grpc.aio forgets it where the task is cancelled at a bad moment
                    making.cancel()
                return True
        except grpc.aio.AioRpcError as failed:
            if failed.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise errors.DeadlineExceeded("supply") from None
            if translate.reason_of(failed):
                raise
            raise endpoint.away() from None
        return False


def _lacking(error: grpc.aio.AioRpcError) -> str:
    """The environment that an executor says it lacks."""
    info = error_details_pb2.ErrorInfo()
    for key, value in error.trailing_metadata() or ():
        if key == translate.DETAILS_KEY and isinstance(value, bytes):
            for detail in status_pb2.Status.FromString(value).details:
                if detail.Unpack(info):
                    return str(info.metadata.get("environment", ""))
    return ""

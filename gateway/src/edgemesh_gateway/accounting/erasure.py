"""Erasing a tenant: all that the gateway keeps of it, and what executors keep for it.

Rules: keys go first, so that nobody calls with them meanwhile; then work that runs is stopped and
waited for, PATIENCE_S at most (what runs on after it has no row any more to write its end to); then
all rows of it in one transaction, its files, and its sessions at every replica that is there. What
was not reached is named, and found by the next call. The operator's own files are the operator's:
policy, file of keys, logs and audit log.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from edgemesh.compute.v1 import account_pb2, session_pb2

from edgemesh_gateway import passing, sessions
from edgemesh_gateway.accounting.accounts import Accounts
from edgemesh_gateway.endpoint import Endpoint
from edgemesh_gateway.executor import Executor
from edgemesh_gateway.jobs import Files, Hub, Runner
from edgemesh_gateway.jobs.attempt import error_bytes
from edgemesh_gateway.jobs.ids import now_ms
from edgemesh_gateway.store.erasure import ErasureStore
from mesh_service import errors
from mesh_service.stack import Rpc

PATIENCE_S = 30.0
LOOK_S = 0.05
PAGE = 1000
DATABASE = "database"
"""What is left where its file could not be written anew."""


class Erasure:
    """It."""

    def __init__(
        self,
        store: ErasureStore,
        accounts: Accounts,
        executors: Sequence[Executor],
        files: Files,
        hub: Hub,
        runner: Runner,
        keys_gone: Callable[[], Awaitable[None]],
        forget: Callable[[str], None],
    ) -> None:
        """`keys_gone`: has keys read anew. `forget`: called with a tenant that was erased."""
        self._store, self._accounts, self._executors = store, accounts, executors
        self._files, self._hub, self._runner = files, hub, runner
        self._keys_gone, self._forget = keys_gone, forget

    async def count(self, tenant: str, rpc: Rpc) -> account_pb2.EraseTenantResponse:
        """What there is."""
        await self._accounts.keep()
        found = Counter(await self._store.count(tenant))
        found["requests"] += self._accounts.count(tenant)
        left = await self._at_executors(tenant, rpc, found, delete=False)
        return _told(found, left)

    async def erase(self, tenant: str, rpc: Rpc) -> account_pb2.EraseTenantResponse:
        """Erase it. Raises SQLAlchemyError, OSError, MeshError."""
        found: Counter[str] = Counter()
        found["keys"] += await self._store.keys(tenant)
        await self._keys_gone()
        await self._stop(tenant, rpc)
        await self._accounts.keep()
        await self._erase(tenant, found)
        left = await self._at_executors(tenant, rpc, found, delete=True)
        # Calls that ended meanwhile, for who was let in before; some have been written by now.
        await self._erase(tenant, found)
        if not await self._store.scrub():
            left.append(DATABASE)
        return _told(found, left)

    async def _erase(self, tenant: str, found: Counter[str]) -> None:
        """What the gateway itself has of it."""
        found["requests"] += await self._accounts.erase(tenant)
        self._forget(tenant)
        jobs = await self._store.jobs(tenant)
        found.update(await self._store.erase(tenant))
        await self._files.drop(jobs)

    async def _stop(self, tenant: str, rpc: Rpc) -> None:
        """Have no job of the tenant's run."""
        left = rpc.time_left()
        until = time.monotonic() + min(PATIENCE_S, PATIENCE_S if left is None else left / 2)
        error = error_bytes(errors.Cancelled())
        while running := await self._store.cancel(tenant, now_ms(), error):
            for job in running:
                self._runner.cancel(job)
                self._hub.notify(job)
            if time.monotonic() >= until:
                return
            await asyncio.sleep(LOOK_S)

    async def _at_executors(
        self, tenant: str, rpc: Rpc, found: Counter[str], *, delete: bool
    ) -> list[str]:
        """Count or delete what executors keep; those that were not reached."""
        left: list[str] = []
        for executor in self._executors:
            if not sessions.keeps(executor):
                if not executor.ready:
                    left.append(executor.name)
                continue
            for endpoint in executor.endpoints:
                try:
                    found["sessions"] += await _sessions(endpoint, tenant, rpc, delete=delete)
                except errors.NotStarted:
                    left.append(f"{executor.name} {endpoint.address}")
        return left


async def _sessions(endpoint: Endpoint, tenant: str, rpc: Rpc, *, delete: bool) -> int:
    """Raises NotStarted where the replica is away."""
    if not endpoint.ready:
        raise endpoint.away()

    async def ask(method: str, raw: bytes) -> bytes:
        return await passing.pass_on(
            endpoint,
            sessions.SERVICE,
            method,
            raw,
            rpc,
            tenant,
            timeout_s=sessions.TIMEOUT_S,
            started=False,
        )

    names: list[str] = []
    after = ""
    while True:
        page = session_pb2.ListSessionsRequest(page_size=PAGE, after=after)
        answer = await ask("ListSessions", page.SerializeToString())
        told = passing.read(session_pb2.ListSessionsResponse, answer, endpoint.name)
        names += [session.session_id for session in told.sessions]
        after = told.next_after
        if not after:
            break
    if delete:
        for name in names:
            gone = session_pb2.DeleteSessionRequest(session_id=name)
            await ask("DeleteSession", gone.SerializeToString())
    return len(names)


def _told(found: Counter[str], left: list[str]) -> account_pb2.EraseTenantResponse:
    counts = {kind: count for kind, count in found.items() if count}
    return account_pb2.EraseTenantResponse(erased=counts, left=left)

"""What the front asks of sessions: hold one for a call, tell its state, keep what has changed.

Rules: a call holds its session from before it runs until what it has changed is in the file
(`hold`). A session that nothing has used for a moment is written anew, packed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from edgemesh_executor_pywasm.sessions.hold import UNDO, Hold
from edgemesh_executor_pywasm.sessions.store import Entry, Store
from edgemesh_executor_pywasm.sessions.vault import Damaged
from mesh_service import errors
from mesh_service.errors import Violation
from mesh_service.executor.call import INSPECT
from mesh_service.executor.ground import Standing
from mesh_service.executor.validate import Valid
from mesh_service.pool import Place
from mesh_service.stack import Rpc

TENANT = "edgemesh-tenant"
INSPECTING = "inspects a session"
"""The note of an rpc whose call is to say what a session has."""

_log = logging.getLogger(__name__)
_SETTLE_S = 3.0
_LOOK_S = 1.0
_AWAKE_S = 60.0
_KEPT_OF_TIME = 0.8


class Keeper(Collector):
    """The sessions of an executor."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._task: asyncio.Task[None] | None = None

    def hold(self, standing: Standing, rpc: Rpc) -> AbstractAsyncContextManager[Hold]:
        """Hold the session of a request, made if there is none."""
        return self._hold(standing, rpc)

    @asynccontextmanager
    async def _hold(self, standing: Standing, rpc: Rpc) -> AsyncGenerator[Hold]:
        valid, request = standing.valid, standing.valid.request
        tenant = rpc.header(TENANT)
        if not is_name(request.session_id):
            raise errors.InvalidRequest([Violation("session_id", NAME)])
        try:
            entry = self.store.find(tenant, request.session_id)
        except errors.UnknownSession:
            if INSPECTING in rpc.notes:
                raise
            wanted = json.loads(request.parameters).get("deterministic") is True
            if standing.image is not None:
                _refuse_deterministic(wanted)
            entry = self.store.make(tenant, request.session_id, deterministic=wanted)
        if INSPECTING in rpc.notes:
            request.capabilities.append(INSPECT)
        async with self.held(entry):
            if standing.image is not None and standing.environment != entry.environment:
                await self._begin_in(standing.environment, standing.image, entry)
            _fit(valid, rpc)
            entry.touch()
            yield Hold(self.store, entry)

    async def _begin_in(self, environment: str, image: Place, entry: Entry) -> None:
        """Put an environment under a session that has run nothing yet.

        Raises InvalidRequest, QuotaExceeded.
        """
        if entry.environment or entry.file.calls:
            found = f"{entry.environment or 'none'}, in which the session was made"
            raise errors.InvalidRequest([Violation("parameters.environment", found)])
        _refuse_deterministic(entry.deterministic)
        if image.length > self.store.quotas.session_nbytes:
            raise errors.QuotaExceeded("bytes of a session", self.store.quotas.session_nbytes)
        self.store.check_room(entry.tenant, image.length)

        def begin() -> None:
            data = os.pread(image.region.fd, image.length, image.offset)
            entry.file.begin(data, {**entry.file.description, "environment": environment})

        try:
            await asyncio.shield(asyncio.to_thread(begin))
        except OSError as error:
            _log.error("session %s cannot be written: %s", entry.file.path.name, error)
            raise errors.QuotaExceeded("bytes on the executor's disk", 0) from None
        entry.renumber()

    @asynccontextmanager
    async def held(self, entry: Entry) -> AsyncGenerator[None]:
        """Hold one when its calls before have ended. Raises UnknownSession if it is gone."""
        async with entry.lock:
            if entry.gone:
                raise errors.UnknownSession(entry.id)
            yield

    def start(self) -> None:
        """Look after those that nobody uses."""
        self._task = asyncio.create_task(self._look())

    async def stop(self) -> None:
        """Look after them no more, and let go of the folder."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self.store.close()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            now = time.time()
            for entry in self.store.entries:
                if self.store.ended(entry):
                    self.store.remove(entry)
                elif not entry.settled and now - entry.used > _SETTLE_S and not entry.lock.locked():
                    await self._settle(entry)

    async def _settle(self, entry: Entry) -> None:
        async with entry.lock:
            if entry.gone or entry.settled:
                return
            entry.settled = True
            try:
                await asyncio.shield(asyncio.to_thread(entry.file.settle, UNDO))
            except (Damaged, OSError) as error:
                _log.error("session %s cannot be packed: %s", entry.file.path.name, error)

    def collect(self) -> Iterable[Metric]:
        """The figures of `/metrics`."""
        entries = self.store.entries
        since = time.time() - _AWAKE_S
        awake = sum(1 for entry in entries if entry.worker and entry.used > since)
        sessions = GaugeMetricFamily(
            "edgemesh_sessions", "Sessions that are kept", labels=["state"]
        )
        sessions.add_metric(["awake"], awake)
        sessions.add_metric(["asleep"], len(entries) - awake)
        stored = GaugeMetricFamily("edgemesh_sessions_bytes", "What sessions take on disk")
        stored.add_metric([], sum(entry.file.nbytes for entry in entries))
        yield from (sessions, stored)


NAME = "1 to 128 characters of [A-Za-z0-9._-]"
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")


def is_name(text: str) -> bool:
    """Whether a session can be called so."""
    return 0 < len(text) <= 128 and _LETTERS.issuperset(text)


def _refuse_deterministic(wanted: bool) -> None:
    """An environment's memory has clocks and random numbers already. Raises InvalidRequest."""
    if wanted:
        why = "false in an environment, which has clocks and random numbers of its own"
        raise errors.InvalidRequest([Violation("parameters.deterministic", why)])


def _fit(valid: Valid, rpc: Rpc) -> None:
    """It may have waited: fit its run time into what is left of the caller's."""
    left = rpc.time_left()
    if left is None:
        return
    if left <= 0:
        raise errors.DeadlineExceeded("session: calls before it were running")
    most = max(int(left * _KEPT_OF_TIME * 1e3), 1)
    valid.request.limits.run_time_ms = min(valid.request.limits.run_time_ms, most)

"""An executor's front: validate, run, respond, for every call.

Rules: the flow of a call reads top-down in `_execute`; the front holds no native code and runs no
work; the workers of a crew do. Initial metadata `edgemesh-started` is sent when a worker takes the
call, so that a gateway knows what may be sent again.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeAlias

from edgemesh.compute.v1 import compute_pb2
from edgemesh.executor.v1 import executor_pb2

from mesh_service import errors, tracing, wire
from mesh_service.executor.assign import Assignment
from mesh_service.executor.capabilities import Answer, BackDoor
from mesh_service.executor.completion import Completion
from mesh_service.executor.describe import Description
from mesh_service.executor.fan import Fan, Spread
from mesh_service.executor.ground import PROGRAM, Ground, GroundMethods, Standing
from mesh_service.executor.respond import Identity, Printed, changed, respond, sent
from mesh_service.executor.run import TENANT, run
from mesh_service.executor.sessions import Sessions
from mesh_service.executor.shared_memory import NOWHERE, SharedMemory
from mesh_service.executor.validate import Catalog, Valid, validate
from mesh_service.messages import parse
from mesh_service.peers import Peers
from mesh_service.pool import Done
from mesh_service.settings import ExecutorSettings
from mesh_service.stack import Rpc

LARGE = 256 * 1024
LATE_S = 0.01
SECRET = "edgemesh-secret"  # noqa: S105  (a header's name)
Encode: TypeAlias = Callable[[compute_pb2.ComputeResponse, dict[str, memoryview]], bytes]


class Front:
    """The servicer of ExecutorService."""

    def __init__(
        self,
        settings: ExecutorSettings,
        identity: Identity,
        fans: Mapping[str, Fan] | None = None,
        address: Callable[[], str] = str,
        sessions: Sessions | None = None,
        ground: Ground | None = None,
        completions: Mapping[str, Completion] | None = None,
        back: BackDoor | None = None,
        assignment: Assignment | None = None,
    ) -> None:
        """`fans`: algorithms that are spread over the workers, by their names.

        `address`: where this front is served. `sessions`: who keeps them. `ground`: what work may
        stand on. `completions`: algorithms whose requests are completed here, by their names.
        `back`: what answers runs that were granted something. `assignment`: what finds the workers
        where the offer alone does not tell them.
        """
        self._sessions = sessions
        self._ground = ground
        self._completions = completions or {}
        self._fans = fans or {}
        self._back = back
        self._assignment = assignment
        self._settings = settings
        self._identity = identity
        self.description = Description(
            settings, identity, () if ground is None else ground.namespaces
        )
        self.grounds = GroundMethods(ground, lambda: self.description.catalog, self.authenticate)
        peers = Peers(address, secret=settings.secret is not None)
        self.shared_memory = SharedMemory(settings, peers, self.authenticate)

    async def execute(self, raw: bytes, rpc: Rpc) -> bytes:
        """Execute: one answer."""
        return await self._execute(raw, rpc, wire.attach)

    async def execute_stream(self, raw: bytes, rpc: Rpc) -> None:
        """ExecuteStream: events, then the response as the last one."""
        sequence = 0

        async def send(event: compute_pb2.ComputeEvent) -> None:
            nonlocal sequence
            sequence += 1
            event.sequence = sequence
            await rpc.write(event.SerializeToString())

        last = await self._execute(
            raw,
            rpc,
            lambda response, blobs: wire.attach_event(sequence + 1, response, blobs),
            send,
        )
        await rpc.write(last)

    async def describe(self, raw: bytes, rpc: Rpc) -> bytes:
        """Describe."""
        self.authenticate(rpc)
        parse(executor_pb2.DescribeRequest, raw)
        return self.description.now().SerializeToString()

    async def watch_describe(self, raw: bytes, rpc: Rpc) -> None:
        """WatchDescribe: now, and on each change."""
        self.authenticate(rpc)
        parse(executor_pb2.WatchDescribeRequest, raw)
        seen = -1
        while True:
            now = await self.description.changed(seen)
            seen = now.revision
            await rpc.write(executor_pb2.WatchDescribeResponse(description=now).SerializeToString())

    async def _execute(
        self,
        raw: bytes,
        rpc: Rpc,
        encode: Encode,
        send: Callable[[compute_pb2.ComputeEvent], Awaitable[None]] | None = None,
    ) -> bytes:
        arrived = time.perf_counter()
        self.authenticate(rpc)
        while True:
            catalog = self.description.catalog
            standing = await self._stand(raw, catalog, rpc)
            try:
                if self._assignment is None:
                    return await self._traced(standing, rpc, encode, arrived, send)
                assigning = self._assigned(self._assignment, standing, raw, catalog, rpc)
                async with assigning as assigned:
                    return await self._traced(assigned, rpc, encode, arrived, send)
            except errors.ShuttingDown:
                # Nothing ran. Has what was to run it been replaced by something else meanwhile?
                if catalog is self.description.catalog:
                    raise
            finally:
                standing.leave()

    async def _stand(self, raw: bytes, catalog: Catalog, rpc: Rpc) -> Standing:
        valid = await self._validate(raw, catalog, rpc)
        if self._ground is None:
            return Standing(valid, None)
        standing = await self._ground.stand(valid, catalog)
        while standing.late:  # what time is left, is now less
            standing.leave()
            valid = await self._validate(raw, catalog, rpc)
            standing = await self._ground.stand(valid, catalog)
        return standing

    @asynccontextmanager
    async def _assigned(
        self,
        assignment: Assignment,
        standing: Standing,
        raw: bytes,
        catalog: Catalog,
        rpc: Rpc,
    ) -> AsyncGenerator[Standing]:
        """The same with its workers."""
        began, valid = time.monotonic(), standing.valid
        async with assignment.assign(valid) as pool:
            if time.monotonic() - began > LATE_S:  # what time is left, is now less
                valid = await self._validate(raw, catalog, rpc)
            yield replace(standing, valid=replace(valid, pool=pool))

    async def _validate(self, raw: bytes, catalog: Catalog, rpc: Rpc) -> Valid:
        offer = None
        if self._ground is not None and (digest := rpc.header(PROGRAM)):
            offer = self._ground.offer(digest, catalog)
        terms = (raw, catalog, self._settings, rpc.deadline, offer)
        # A large request may take long to check: others must not wait for it.
        large = len(raw) > LARGE
        try:
            valid = await asyncio.to_thread(validate, *terms) if large else validate(*terms)
        except (errors.InvalidParameter, errors.UnknownAlgorithm) as error:
            if self._assignment is None:
                raise
            raise self._assignment.explain(error, raw) from None
        valid.request.request_id = valid.request.request_id or rpc.request_id
        rpc.notes["algorithm"] = valid.request.algorithm
        return valid

    async def _traced(
        self,
        standing: Standing,
        rpc: Rpc,
        encode: Encode,
        arrived: float,
        send: Callable[[compute_pb2.ComputeEvent], Awaitable[None]] | None,
    ) -> bytes:
        """Run it; where it is traced a span tells of it."""
        with tracing.span("run", algorithm=standing.valid.algorithm.name) as span:
            return await self._run(standing, rpc, _told(span, encode), arrived, send)

    async def _run(
        self,
        standing: Standing,
        rpc: Rpc,
        encode: Encode,
        arrived: float,
        send: Callable[[compute_pb2.ComputeEvent], Awaitable[None]] | None,
    ) -> bytes:
        valid = standing.valid
        pool = valid.pool
        if pool is None:
            raise errors.NotStarted(self._settings.service, 0.0)
        completion = self._completions.get(valid.algorithm.name)
        if completion is not None:
            await completion.complete(valid, rpc.header(TENANT))
        granted = bool(valid.request.capabilities)
        back = self._back.open(valid, rpc) if granted and self._back is not None else None
        fan = self._fans.get(valid.algorithm.name)
        if fan is not None:
            if valid.request.session_id:
                expected = f"empty: each part of {valid.algorithm.name} starts anew"
                raise errors.InvalidRequest([errors.Violation("session_id", expected)])
            self.shared_memory.refuse(valid)
            spread = Spread(
                pool, self._settings, valid, rpc, self._identity, send, back, standing.image
            )
            response = await spread.run(fan, arrived)
            rpc.notes["outcome"] = compute_pb2.Outcome.Name(response.outcome)
            return encode(response, spread.outputs)
        if self._sessions is not None and valid.request.session_id:
            if standing.image is not None and not standing.environment:
                why = f"empty: {valid.algorithm.name} begins each time where its set-up ended"
                raise errors.InvalidRequest([errors.Violation("session_id", why)])
            self.shared_memory.refuse(valid)
            answer = None if back is None else back()
            return await self._go_on(self._sessions, standing, rpc, encode, arrived, send, answer)
        printed = Printed()
        places = self.shared_memory.take(valid, rpc)
        answer = None if back is None else back()
        terms = (pool, self._settings, valid, rpc, printed, send, places)
        async with run(*terms, image=standing.image, answer=answer) as done:
            response = respond(valid, done, printed, self._identity, arrived)
            rpc.notes["outcome"] = compute_pb2.Outcome.Name(response.outcome)
            return encode(response, _blobs(response, done))

    async def _go_on(
        self,
        sessions: Sessions,
        standing: Standing,
        rpc: Rpc,
        encode: Encode,
        arrived: float,
        send: Callable[[compute_pb2.ComputeEvent], Awaitable[None]] | None,
        answer: Answer | None,
    ) -> bytes:
        """A call of a session: what it has changed is kept before it is answered."""
        valid = standing.valid
        assert valid.pool is not None
        printed = Printed()
        terms = (valid.pool, self._settings, valid, rpc, printed, send, NOWHERE)
        async with sessions.hold(standing, rpc) as going, run(*terms, going, answer=answer) as done:
            response = respond(valid, done, printed, self._identity, arrived)
            change = changed(done)
            if change is not None:
                await going.keep(change, done.worker_pid)
            rpc.notes["outcome"] = compute_pb2.Outcome.Name(response.outcome)
            return encode(response, _blobs(response, done))

    def authenticate(self, rpc: Rpc) -> None:
        """Raise unless the call may be served at all."""
        secret = self._settings.secret
        if secret is None:
            return
        given = rpc.header(SECRET).encode()
        if not hmac.compare_digest(given, secret.get_secret_value().encode()):
            raise errors.Unauthenticated(f"metadata {SECRET}: the mesh's secret")


def _told(span: tracing.Made, encode: Encode) -> Encode:
    """The same, and the span is told what became of it."""
    if span is None:
        return encode

    def told(response: compute_pb2.ComputeResponse, blobs: dict[str, memoryview]) -> bytes:
        usage = response.usage
        stages = [(stage.name, stage.us / 1e6) for stage in usage.stages]
        at = time.monotonic() - sum(seconds for _, seconds in stages)
        for name, seconds in stages:
            tracing.past(name, at, at + seconds, {})
            at += seconds
        outcome = compute_pb2.Outcome.Name(response.outcome)
        figures = {"queue_us": usage.queue_us, "run_us": usage.run_us, "cpu_us": usage.cpu_us}
        failed = "" if response.outcome == compute_pb2.OUTCOME_OK else outcome
        tracing.note(span, {**figures, "worker_pid": usage.worker_pid, "outcome": outcome}, failed)
        return encode(response, blobs)

    return told


def _blobs(response: compute_pb2.ComputeResponse, done: Done) -> dict[str, memoryview]:
    return dict(zip(sent(response), done.buffers, strict=False))

"""dispatch: send an admitted request to its executor, and bring back what it answers.

Rules: the request's bytes go down and the answer's come up as they are. The executor gets the
caller's time less a margin; a caller who leaves cancels the call below. What never started is sent
again, once: at once to another replica, or to the same one when it is back. An executor sends
initial metadata when a run starts, so a connection that breaks before it leaves nothing begun, and
one that breaks after it may have had effects. An executor that lacks what the gateway keeps (a
program, an environment) has begun nothing either: it is given that, and the request again.

    the call fails with …           before it started             after it started
    SHUTTING_DOWN, and such         to another replica, if any    passed on as it is
    a reason of the mesh's own      passed on as it is            passed on as it is
    UNAVAILABLE, CANCELLED          once more, then NOT_STARTED   EXECUTOR_LOST
    INTERNAL, UNKNOWN               passed on as it is            EXECUTOR_LOST
    DEADLINE_EXCEEDED               DEADLINE_EXCEEDED             DEADLINE_EXCEEDED
    anything else                   passed on as it is            passed on as it is
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

import grpc

from edgemesh_gateway.admit import Permit
from edgemesh_gateway.endpoint import RETRY_AWAY_S, Endpoint
from edgemesh_gateway.executor import Executor
from edgemesh_gateway.schedule import Slot
from edgemesh_gateway.tickets import TICKET
from mesh_service import errors, logs, tracing, translate
from mesh_service.peers import UID
from mesh_service.stack import REQUEST_ID

MARGIN_S, MARGIN_SHARE = 0.02, 0.05
"""What is kept of the caller's time to answer in: the smaller of both."""
STARTED = "edgemesh-started"
PROGRAM = "edgemesh-program"
TENANT = "edgemesh-tenant"
_BROKEN_EARLY = frozenset((grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED))
_BROKEN_LATE = _BROKEN_EARLY | {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}
"""What gRPC itself says when a connection or a stream breaks."""

LEAVING = "SHUTTING_DOWN"
_ELSEWHERE = frozenset((LEAVING, "UNKNOWN_ALGORITHM"))
"""Reasons for which another replica is asked: this one is stopping, or came to be without what the
others offer."""

Fault: TypeAlias = "errors.MeshError | grpc.aio.AioRpcError"
Answer = TypeVar("Answer")
Supply: TypeAlias = Callable[[Endpoint, Permit, grpc.aio.AioRpcError], Awaitable[bool]]
"""Gives an executor what it said that it lacks; False where it said something else."""


class _Failed(Exception):
    """A call failed."""

    def __init__(self, error: grpc.aio.AioRpcError, started: bool) -> None:
        super().__init__()
        self.error, self.started = error, started


class Dispatcher:
    """Sends requests to executors."""

    def __init__(self, retry_wait_s: float, supply: Supply) -> None:
        self._retry_wait_s = retry_wait_s
        self._supply = supply
        self.sent_again = 0
        """Requests that were sent a second time."""

    async def unary(self, executor: Executor, permit: Permit, slot: Slot) -> bytes:
        """One answer. Raises what the table says."""
        assert permit.valid
        assert slot.held
        return await self._send(executor, permit, slot, _ask)

    async def stream(self, executor: Executor, permit: Permit, slot: Slot) -> None:
        """Events, passed to the caller as they come. Raises what the table says."""
        assert permit.valid
        assert slot.held
        return await self._send(executor, permit, slot, _pass_events)

    async def _send(
        self,
        executor: Executor,
        permit: Permit,
        slot: Slot,
        send: Callable[[Endpoint, Permit], Awaitable[Answer]],
    ) -> Answer:
        endpoint = executor.choose(permit, slot)
        again = supplied = False
        while True:
            if permit.way is not None:
                permit.way.goes(endpoint.address)
            try:
                answer = await send(endpoint, permit)
            except _Failed as failed:
                if not supplied and await self._supply(endpoint, permit, failed.error):
                    supplied = True
                    continue
                endpoint = await self.again(
                    executor,
                    endpoint,
                    failed.error,
                    started=failed.started,
                    second=again,
                    left=permit.rpc.time_left(),
                    request_id=permit.rpc.request_id,
                    permit=permit,
                )
                slot.exchange(executor.number(endpoint))
                # One that has come back, and another, may lack it anew.
                again, supplied = True, False
            else:
                executor.answered(endpoint)
                return answer

    async def again(
        self,
        executor: Executor,
        endpoint: Endpoint,
        error: grpc.aio.AioRpcError,
        *,
        started: bool,
        second: bool,
        left: float | None,
        request_id: str,
        permit: Permit | None = None,
    ) -> Endpoint:
        """Where a request that failed at `endpoint` is to be sent once more, as soon as it may.

        `second`: it was sent again already. `left`: seconds that the caller still waits; None: any
        time. `permit`: None where every replica offers what it wants.

        Raises what the caller is told.
        """
        fault = judge(error, endpoint, started)
        reason = translate.reason_of(error)
        if reason:
            executor.answered(endpoint)
        elif error.code() in _BROKEN_LATE:
            executor.failed(endpoint)
        absent = isinstance(fault, errors.NotStarted)
        if second or not (absent or (not started and reason in _ELSEWHERE)):
            raise fault
        other = executor.another(endpoint, permit)
        if other is None:
            if not absent:
                raise fault
            wait = self._retry_wait_s
            if not await endpoint.answers(wait if left is None else min(wait, left)):
                raise fault
        elif reason == LEAVING:
            endpoint.leave()
        self.sent_again += 1
        sent = other or endpoint
        logs.event(
            "sent again",
            level=logging.WARNING,
            executor=executor.name,
            address=sent.address,
            request_id=request_id,
        )
        return sent


async def _ask(endpoint: Endpoint, permit: Permit) -> bytes:
    try:
        answer: object = await endpoint.execute(
            permit.raw, timeout=_timeout(permit), metadata=_metadata(endpoint, permit)
        )
        if not isinstance(answer, bytes):  # it ended well, and without an answer
            raise errors.ExecutorLost(endpoint.name, RETRY_AWAY_S)
        if permit.way is not None:
            permit.way.answer(answer)
        return answer
    except grpc.aio.AioRpcError as error:
        raise _Failed(error, _started(error)) from None


async def _pass_events(endpoint: Endpoint, permit: Permit) -> None:
    call = endpoint.execute_stream(
        permit.raw, timeout=_timeout(permit), metadata=_metadata(endpoint, permit)
    )
    began = False
    try:
        async for event in call:
            began = True
            if permit.way is not None:
                permit.way.event(event)
            await permit.rpc.write(event)
    except grpc.aio.AioRpcError as error:
        raise _Failed(error, began or _started(error)) from None
    finally:
        call.cancel()


def judge(error: grpc.aio.AioRpcError, endpoint: Endpoint, started: bool) -> Fault:
    """What a failed call means to its caller."""
    reason = translate.reason_of(error)
    if reason == "UNAUTHENTICATED":
        # The gateway's own secret is wrong, which is no fault of the caller's.
        logs.event("executor refuses the secret", level=logging.ERROR, executor=endpoint.name)
        return endpoint.away()
    if reason:
        return error
    code = error.code()
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return errors.DeadlineExceeded("executor")
    if started and code in _BROKEN_LATE:
        return errors.ExecutorLost(endpoint.name, RETRY_AWAY_S)
    if not started and code in _BROKEN_EARLY:
        return endpoint.away()
    return error


def _started(error: grpc.aio.AioRpcError) -> bool:
    return any(key == STARTED for key, _ in error.initial_metadata() or ())


def _timeout(permit: Permit) -> float | None:
    if permit.deadline is None:
        return None
    left = permit.deadline - time.monotonic()
    left -= min(MARGIN_S, left * MARGIN_SHARE)
    if left <= 0:
        raise errors.DeadlineExceeded("dispatch")
    return left


def _metadata(endpoint: Endpoint, permit: Permit) -> Any:
    return (
        (REQUEST_ID, permit.rpc.request_id),
        (TENANT, permit.tenant),
        *endpoint.identity,
        *(() if permit.program is None else ((PROGRAM, permit.program.digest),)),
        *(() if permit.user is None else ((UID, str(permit.user)),)),
        *(((TICKET, permit.ticket),) if permit.ticket else ()),
        *tracing.carried(),
    )

"""Services that executors keep: the gateway passes a call on, to the one that is meant.

Rules: the request goes down and the answer comes up as they are, with the caller's tenant beside
them; the gateway neither keeps nor knows what they are about.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from edgemesh_gateway.dispatch import TENANT, judge
from edgemesh_gateway.endpoint import RETRY_AWAY_S, Endpoint, Metadata
from edgemesh_gateway.executor import Executor
from mesh_service import errors, logs
from mesh_service.errors import Violation
from mesh_service.stack import REQUEST_ID, Handler, Rpc

Told = TypeVar("Told", bound=Message)
Passing: TypeAlias = Callable[[str, type[Message]], Handler]
"""The handler of a method, by its name and its request's class."""


def methods(service: ServiceDescriptor, passing: Passing) -> dict[str, tuple[str, Handler]]:
    """What a server is given: a unary handler for each method."""
    return {
        method.name: ("unary", passing(method.name, GetMessageClass(method.input_type)))
        for method in service.methods
    }


def keeper(executors: Sequence[Executor], offers: str, name: str, what: str) -> Executor:
    """The executor of that name, or the only one, among those that offer an algorithm.

    `what`: it keeps, for callers. Raises InvalidRequest with those that there are.
    """
    found = {e.name: e for e in executors if any(a.name == offers for a in e.algorithms)}
    if not name and len(found) == 1:
        (name,) = found
    executor = found.get(name)
    if executor is None:
        raise invalid("executor", f"required: one of {', '.join(found) or f'none, for {what} now'}")
    return executor


async def pass_on(
    endpoint: Endpoint,
    service: str,
    method: str,
    raw: bytes,
    rpc: Rpc,
    tenant: str,
    *,
    timeout_s: float,
    started: bool,
    more: Metadata = (),
) -> bytes:
    """A replica's answer. `timeout_s`: where the caller has no deadline; `started`: whether a call
    that breaks off counts as begun. Raises what `judge` says.
    """
    metadata = ((REQUEST_ID, rpc.request_id), (TENANT, tenant), *more, *endpoint.identity)
    try:
        answer: object = await endpoint.method(service, method)(
            raw, timeout=rpc.time_left() or timeout_s, metadata=metadata
        )
    except grpc.aio.AioRpcError as error:
        raise judge(error, endpoint, started=started) from None
    if not isinstance(answer, bytes):  # it ended well, and without an answer
        raise errors.ExecutorLost(endpoint.name, RETRY_AWAY_S)
    return answer


def read(kind: type[Told], raw: object, executor: str) -> Told:
    """An executor's message. Raises ExecutorLost where it is none: what it did nobody knows."""
    try:
        if isinstance(raw, bytes):
            return kind.FromString(raw)
    except DecodeError:
        pass
    logs.event("an executor's message is none", level=logging.ERROR, executor=executor)
    raise errors.ExecutorLost(executor, RETRY_AWAY_S)


def invalid(field: str, expected: str) -> errors.InvalidRequest:
    """One violation."""
    return errors.InvalidRequest([Violation(field, expected)])

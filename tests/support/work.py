"""Endless work, and the worker process that has it."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import compute_pb2

from edgemesh_local.mesh import Mesh
from support import metrics, processes, rpc
from support.subject import Subject
from support.wait import until

AT_WORK_NS = 3_000_000
"""Far more than an idle worker uses meanwhile; even work that only sleeps gets there."""


async def runs(mesh: Mesh, name: str, number: int) -> None:
    """Wait until exactly that many workers of an executor are busy."""

    async def busy() -> bool:
        return await metrics.busy(mesh.metrics(name)) == number

    await until(busy, f"{number} busy workers of {name}")


async def endless(mesh: Mesh, subject: Subject, start: Callable[..., Any]) -> tuple[int, Any]:
    """Start endless work by `start`, a stub's method; gives its process and the call.

    Nothing else may run in that executor: of all its workers, this one alone is at work.
    """

    async def settled() -> bool:
        return not await metrics.workers(mesh.metrics(subject.name), "starting")

    await until(settled, f"no worker of {subject.name} starts")  # it would be at work, too
    call = start(subject.endless)
    await runs(mesh, subject.name, 1)
    await until(settled, f"what {subject.name} let rest is there")  # the call has woken it
    before = {pid: processes.cpu_ns(pid) for pid in processes.children(mesh.pid(subject.name))}

    def at_work() -> int:
        used = sorted((processes.cpu_ns(pid) - then, pid) for pid, then in before.items())
        (others, _), (most, pid) = used[-2:]
        return pid if most > max(AT_WORK_NS, 10 * others) else 0

    return await until(at_work, f"one worker of {subject.name} works"), call


async def doomed(
    mesh: Mesh, subject: Subject, unary: Callable[..., Any], stream: Callable[..., Any]
) -> tuple[int, Awaitable[compute_pb2.ComputeResponse]]:
    """Endless work that ends with its worker process: gives that, and its response to come.

    Where several calls share a worker, those of which nothing was told yet would be run again; so
    there it streams, and has told something.
    """
    if subject.at_once == 1:
        return await endless(mesh, subject, unary)
    victim, call = await endless(mesh, subject, stream)
    events = aiter(call)
    await anext(events)

    async def last() -> compute_pb2.ComputeResponse:
        return [event async for event in events][-1].response

    return victim, last()


DEADLINE_S = 1.5
TRIES = 5
"""The executor keeps 100 ms to answer in; a crowded machine may need more, once or twice."""


async def timed_out(
    call: Callable[..., Any], request: compute_pb2.ComputeRequest
) -> compute_pb2.ComputeResponse:
    """Call with a deadline that is far too short for `request`; gives the TIMEOUT it brings."""
    for _ in range(TRIES):
        with contextlib.suppress(grpc.aio.AioRpcError):
            response: compute_pb2.ComputeResponse = await call(request, timeout=DEADLINE_S)
            assert rpc.outcome(response) == "TIMEOUT"
            return response
    pytest.fail(f"{TRIES} times no answer within the deadline")

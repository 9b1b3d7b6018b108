"""A caller that leaves frees its slots in the gateway and in the executor."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import grpc
import pytest
from support import metrics
from support.rpc import Peer
from support.subject import WORKERS, Subject
from support.wait import until
from support.work import timed_out

from edgemesh_local.mesh import Mesh


async def follow(call: Any) -> None:
    """Read a stream's events until its end, or until the task is cancelled."""
    try:
        async for _ in call:
            pass
    finally:  # grpc.aio forgets it where the task is cancelled as the stream's metadata comes
        call.cancel()


@pytest.mark.parametrize("way", ["unary", "stream"])
async def test_all_slots_are_taken_and_freed(
    whole: Mesh, gateway: Peer, subject: Subject, way: str
) -> None:
    door, executor = whole.metrics("gateway"), whole.metrics(subject.name)
    slots = WORKERS * subject.at_once

    async def counts(running: int, waiting: int) -> bool:
        figures, busy = await metrics.figures(door), await metrics.busy(executor)
        return (
            figures("edgemesh_running", executor=subject.name) == running
            and figures("edgemesh_waiting", executor=subject.name) == waiting
            # Where calls share a worker, it is busy as long as one of them runs.
            and -(-running // subject.at_once) <= busy <= min(running, WORKERS)
        )

    def start() -> asyncio.Task[None]:
        async def consume() -> None:
            with contextlib.suppress(grpc.aio.AioRpcError):
                if way == "unary":
                    await gateway.compute.Compute(subject.endless)
                else:
                    await follow(gateway.compute.ComputeStream(subject.endless))

        return asyncio.ensure_future(consume())

    tasks = [start() for _ in range(slots + 1)]
    await until(lambda: counts(slots, 1), "all slots are taken, one waits")
    tasks[-1].cancel()
    await until(lambda: counts(slots, 0), "the waiting one has gone", within=10)
    tasks[0].cancel()
    await until(lambda: counts(slots - 1, 0), "one slot is free", within=10)
    subject.check(6, await gateway.compute.Compute(subject.quick(6), timeout=30))
    for task in tasks:
        task.cancel()
    await until(lambda: counts(0, 0), "all slots are free", within=10)
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_deadline_brings_a_timeout_before_it_passes(
    whole: Mesh, gateway: Peer, subject: Subject
) -> None:
    response = await timed_out(gateway.compute.Compute, subject.endless)
    assert response.failure.limit.name == "run_time_ms"
    subject.check(8, await gateway.compute.Compute(subject.quick(8), timeout=30))


async def test_who_waits_in_the_queue_past_the_deadline_is_told(
    whole: Mesh, gateway: Peer, subject: Subject
) -> None:
    slots = WORKERS * subject.at_once
    tasks = [asyncio.ensure_future(gateway.compute.Compute(subject.endless)) for _ in range(slots)]

    async def full() -> bool:
        figures = await metrics.figures(whole.metrics("gateway"))
        return figures("edgemesh_running", executor=subject.name) == slots

    await until(full, "all slots are taken")
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await gateway.compute.Compute(subject.quick(1), timeout=0.5)
    assert failed.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    for task in tasks:
        task.cancel()

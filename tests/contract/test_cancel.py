"""A caller that leaves stops its work and frees its slot."""

from __future__ import annotations

import asyncio

import pytest
from support import metrics
from support.rpc import Peer
from support.subject import Subject
from support.wait import until

from edgemesh_local.mesh import Mesh


@pytest.mark.parametrize("kind", ["unary", "stream"])
async def test_a_cancelled_call_frees_its_slot(
    whole: Mesh, direct: Peer, subject: Subject, kind: str
) -> None:
    address = whole.metrics(subject.name)
    calls = [
        direct.executor.Execute(subject.endless)
        if kind == "unary"
        else direct.executor.ExecuteStream(subject.endless)
        for _ in range(2)
    ]
    readers = [asyncio.ensure_future(_end_of(call)) for call in calls]

    async def busy(number: int) -> bool:
        return await metrics.busy(address) == number

    await until(lambda: busy(2), "both workers run")
    calls[0].cancel()
    await until(lambda: busy(1), "the cancelled call's slot is free", within=10)
    subject.check(9, await direct.executor.Execute(subject.quick(9), timeout=30))
    calls[1].cancel()
    await until(lambda: busy(0), "both slots are free", within=10)
    await asyncio.gather(*readers, return_exceptions=True)


async def test_a_waiting_call_that_is_cancelled_never_runs(
    whole: Mesh, direct: Peer, subject: Subject
) -> None:
    address = whole.metrics(subject.name)
    running = [direct.executor.Execute(subject.endless) for _ in range(2 * subject.at_once)]

    async def both() -> bool:
        return await metrics.busy(address) == 2

    async def waiting(number: int) -> bool:
        return (await metrics.figures(address))("edgemesh_pool_waiting") == number

    await until(both, "both workers run")
    call = direct.executor.Execute(subject.endless)
    await until(lambda: waiting(1), "one more waits")
    call.cancel()
    await until(lambda: waiting(0), "it waits no more")
    assert await both()
    for call in running:
        call.cancel()


async def _end_of(call: object) -> None:
    if hasattr(call, "__aiter__"):
        async for _ in call:  # type: ignore[attr-defined]
            pass
    else:
        await call  # type: ignore[misc]

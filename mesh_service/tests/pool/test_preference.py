"""A call may prefer a worker; it is a preference, and no more."""

from __future__ import annotations

import asyncio

from pools import Bench, running

from mesh_service.pool import Verdict


async def _pid(bench: Bench, **limits: object) -> int:
    done, pid, _ = await bench.do("pid", limits=limits)
    assert done.verdict is Verdict.DONE
    return int(pid)


async def test_calls_go_where_they_had_best_run() -> None:
    async with running(workers=3) as bench:
        await bench.whole()
        first = await _pid(bench)
        assert {await _pid(bench, prefer=first) for _ in range(6)} == {first}
        assert len({await _pid(bench) for _ in range(6)}) == 3


async def test_another_takes_them_where_that_one_is_busy_or_gone() -> None:
    async with running(workers=2) as bench:
        await bench.whole()
        first = await _pid(bench)
        found = await asyncio.gather(*(_pid(bench, prefer=first) for _ in range(8)))
        assert first in found
        assert await _pid(bench, prefer=1) > 1


async def test_a_worker_of_another_owner_is_not_preferred() -> None:
    async with running(workers=2, spares=1, one_owner=True) as bench:
        await bench.whole()
        first = await _pid(bench, owner="a")
        assert await _pid(bench, owner="b", prefer=first) != first
        assert await _pid(bench, owner="a", prefer=first) == first

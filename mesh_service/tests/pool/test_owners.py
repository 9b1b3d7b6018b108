"""A pool whose processes serve one owner each: no process ever sees the calls of two."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from pools import Bench, running

from mesh_service.pool import Verdict


async def _pid(bench: Bench, owner: str) -> int:
    done, pid, _ = await bench.do("pid", limits={"owner": owner})
    assert done.verdict is Verdict.DONE
    return int(pid)


async def test_no_process_serves_two_owners() -> None:
    async with running(workers=2, spares=1, one_owner=True) as bench:
        served: dict[int, set[str]] = defaultdict(set)
        for owner in "abcabbacbca":
            served[await _pid(bench, owner)].add(owner)
        assert all(len(owners) == 1 for owners in served.values()), served


async def test_an_owner_keeps_a_process_while_nobody_else_needs_it() -> None:
    async with running(workers=2, spares=1, one_owner=True) as bench:
        await bench.whole()
        pids = {await _pid(bench, "a") for _ in range(10)}
        assert len(pids) == 1
        assert await _pid(bench, "b") not in pids
        assert await _pid(bench, "a") in pids


async def test_many_owners_at_once_are_all_served() -> None:
    """One process takes calls, one is in reserve, and eight owners wait in one queue."""
    async with running(workers=1, spares=1, one_owner=True) as bench:
        owners = [f"{n % 8}" for n in range(24)]
        pids = await asyncio.gather(*(_pid(bench, owner) for owner in owners))
        served: dict[int, set[str]] = defaultdict(set)
        for owner, pid in zip(owners, pids, strict=True):
            served[pid].add(owner)
        assert all(len(found) == 1 for found in served.values()), served


async def test_an_owner_who_calls_without_end_does_not_keep_others_out() -> None:
    async with running(workers=1, spares=0, one_owner=True) as bench:
        over = asyncio.Event()

        async def flood() -> None:
            while not over.is_set():
                await _pid(bench, "greedy")

        floods = [asyncio.create_task(flood()) for _ in range(3)]
        for _ in range(3):
            await asyncio.wait_for(_pid(bench, "modest"), 30)
        over.set()
        await asyncio.gather(*floods)


async def test_without_it_a_process_serves_everybody() -> None:
    async with running(workers=1) as bench:
        assert len({await _pid(bench, owner) for owner in "ab"}) == 1

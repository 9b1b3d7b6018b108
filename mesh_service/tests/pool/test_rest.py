"""A pool that rests: few workers until a call comes, all of them then, few again later."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from pools import alive, running


async def test_the_first_call_brings_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mesh_service.pool.watch.REST_AFTER", 0.01)
    async with running(workers=2, spares=1, resting=1) as bench:
        now = bench.pool.stats()
        assert (now.idle, now.spare, now.starting) == (1, 0, 0)
        assert (await bench.do("echo", b"a"))[2] == [b"a"]
        await bench.until(lambda now: now.idle + now.spare + now.starting == 3)
        await bench.until(lambda now: (now.idle, now.spare, now.starting) == (1, 0, 0))
        assert (await bench.do("echo", b"b"))[2] == [b"b"]


async def test_calls_that_find_it_resting_all_run_and_lose_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mesh_service.pool.watch.REST_AFTER", 0.0)
    async with running(workers=3, spares=0, resting=1) as bench:
        for size in (1, 5, 2, 8):
            sent = [b"%d" % n for n in range(size)]
            answers = await asyncio.gather(*(bench.do("echo", each) for each in sent))
            assert [replied for _, _, replied in answers] == [[each] for each in sent]
            await bench.until(lambda now: now.idle == 1 and not now.starting)


async def test_one_that_dies_at_rest_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mesh_service.pool.watch.REST_AFTER", 0.0)
    async with running(workers=2, spares=1, resting=1) as bench:
        await bench.do("echo", b"a")  # else its death would look like a failure to start
        await bench.until(lambda now: now.idle == 1 and not now.starting and not now.stopping)
        (pid,) = [pid for pid in bench.watcher.born if alive(pid)]
        os.kill(pid, signal.SIGKILL)
        await bench.until(lambda now: now.idle == 0)
        await bench.until(lambda now: now.idle == 1)
        assert (await bench.do("echo", b"b"))[2] == [b"b"]

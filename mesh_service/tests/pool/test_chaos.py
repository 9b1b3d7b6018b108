"""Everything at once: whatever goes wrong, each call ends, with the right answer or none."""

import asyncio
import os
import random
import signal
from collections import Counter

import pytest
from pools import Bench, running

from mesh_service.pool import Verdict

_EXPECTED = {
    "echo": {Verdict.DONE, Verdict.CRASH},
    "reverse": {Verdict.DONE, Verdict.CRASH},
    "events": {Verdict.DONE, Verdict.CRASH},
    "fail": {Verdict.ERROR, Verdict.CRASH},
    "die": {Verdict.CRASH},
    "hang": {Verdict.TIMEOUT, Verdict.CRASH},
    "attack": {Verdict.CRASH},
}


async def one(bench: Bench, dice: random.Random) -> str:
    deed = dice.choices(list(_EXPECTED), [8, 8, 3, 2, 1, 1, 1])[0]
    given = {
        "events": {"count": 50, "size": 100},
        "die": {"how": dice.choice(["SIGKILL", "segv", "exit"])},
        "attack": {"how": dice.choice(["garbage", "unknown id", "floods with events"])},
    }.get(deed, {})
    limits = {"run_time": 0.2 if deed == "hang" else 30.0, "event_limit": 100_000}
    limits["repeatable"] = dice.random() < 0.5
    data = os.urandom(dice.choice([10, 1000, 100_000, 2_000_000]))
    buffers = [data] if deed in ("echo", "reverse") else []
    call = asyncio.create_task(bench.do(deed, *buffers, limits=limits, **given))
    if dice.random() < 0.2:
        for _ in range(dice.randrange(40)):
            await asyncio.sleep(0)
        call.cancel()
    try:
        done, _, replied = await call
    except asyncio.CancelledError:
        return "cancelled"
    assert done.verdict in _EXPECTED[deed], (deed, done)
    if done.verdict is Verdict.DONE and buffers:
        assert replied == [data if deed == "echo" else data[::-1]]
    return done.verdict.value


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_a_storm(concurrency: int) -> None:
    dice = random.Random(concurrency)
    before = len(os.listdir("/proc/self/fd"))
    async with running(workers=2, spares=1, concurrency=concurrency, recycle_after=20) as bench:
        await bench.whole()
        seen: Counter[str] = Counter()
        for _ in range(6):
            calls = [one(bench, dice) for _ in range(25)]
            gone = {pid for pid, _, _ in bench.watcher.gone}
            living = [pid for pid in bench.watcher.born if pid not in gone]
            # None may live at this moment: a storm can end them all at once.
            if living and dice.random() < 0.5:
                os.kill(dice.choice(living), signal.SIGKILL)
            seen.update(await asyncio.gather(*calls))
        assert seen["done"] > 10
        await bench.until(lambda now: not now.calls)  # a cancelled one has its slot until it ends
        await bench.whole()
        now = bench.pool.stats()
        assert (now.calls, now.waiting, now.busy, now.idle) == (0, 0, 0, 2)
        assert sum(now.verdicts.values()) <= sum(seen.values())
        assert (await bench.do("echo", b"after"))[2] == [b"after"]
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # the loop's copier may linger

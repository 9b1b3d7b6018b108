"""Workers come and go: start, failure to start, recycling, queue, stop, the death of the front."""

import asyncio
import itertools
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pools import Watcher, alive, running, spec, work

from mesh_service.pool import (
    ExitReason,
    PoolClosed,
    PoolFull,
    PoolUnavailable,
    Verdict,
    WorkerPool,
    inputs,
)
from mesh_service.pool.copying import copy_all


async def test_start_returns_with_the_first_worker_and_goes_on() -> None:
    async with running(workers=2, spares=1, config={"a": [1, "ü"]}) as bench:
        assert len(bench.watcher.born) == 1
        assert bench.pool.ready
        assert b'"a": [1, "\\u00fc"]' in bench.pool.description
        assert bench.watcher.readiness_seen == [(True, "")]
        await bench.whole()
        now = bench.pool.stats()
        assert (now.idle, now.spare, now.slots) == (2, 1, 2)
    assert bench.watcher.readiness_seen[-1][0] is False
    assert not any(alive(pid) for pid in bench.watcher.born)


@pytest.mark.parametrize(
    ("config", "error"),
    [
        ({"start": "hang"}, "not ready in time"),
        ({"start": "raise"}, "ValueError: no model here"),
        ({"start": "exit"}, "exit code 7"),
        ({"start": "garbage"}, "unknown kind"),
    ],
)
async def test_a_worker_that_never_gets_ready(config: dict[str, str], error: str) -> None:
    watcher = Watcher()
    patience = 1.0 if config["start"] == "hang" else 60.0  # a process may begin slowly
    pool = WorkerPool(spec(config=config, start_timeout=patience), watcher)
    start = asyncio.create_task(pool.start())
    waiting = asyncio.create_task(pool.run(work("echo")).__aenter__())
    await watcher.until(lambda: watcher.readiness_seen)
    assert watcher.readiness_seen[0][0] is False
    assert error in watcher.readiness_seen[0][1]
    assert not start.done()
    with pytest.raises(PoolUnavailable, match=error):
        await waiting
    with pytest.raises(PoolUnavailable, match=error):
        await pool.run(work("echo")).__aenter__()
    assert pool.stats().last_error
    await pool.stop()
    await start
    assert set(pool.stats().exits) <= {ExitReason.START, ExitReason.PROTOCOL, ExitReason.STOP}


@pytest.mark.parametrize("how", ["exit", "die young"])
async def test_starts_that_fail_back_off(how: str) -> None:
    watcher = Watcher()
    pool = WorkerPool(spec(config={"start": how}), watcher)
    start = asyncio.create_task(pool.start())
    times: list[float] = []
    for count in range(1, 7):
        await watcher.until(lambda count=count: len(watcher.gone) >= count)
        times.append(time.monotonic())
    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert pauses[4] > 0.8  # 0.05, 0.1, 0.2, 0.4, 0.8 and the time of a start
    assert sum(pauses) > 1.5
    await pool.stop()
    await start


async def test_workers_are_recycled_without_a_gap(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    for spares in (0, 1):
        async with running(recycle_after=5, spares=spares, config={"closed": str(closed)}) as bench:
            pids: list[int] = []
            while len(set(pids)) < 4:
                done, _, _ = await bench.do("pid")
                assert done.verdict is Verdict.DONE
                assert done.queue_us < 500_000
                pids.append(done.worker_pid)
                assert bench.pool.stats().slots == 1
            assert all(pids.count(pid) >= 5 for pid in set(pids[:-5]))
            await bench.whole()
            assert all(reason is ExitReason.RECYCLE for _, reason, _ in bench.watcher.gone)
        assert {int(line) for line in closed.read_text().split()} >= set(pids)  # in good order


async def test_recycle_replaces_all_while_calls_go_on() -> None:
    async with running(workers=2, spares=1) as bench:
        await bench.whole()
        old = set(bench.watcher.born)
        slow, here = bench.begin("wait_for_cancel", then="end", limits={"run_time": 0.5})
        await here
        bench.pool.recycle()
        while not old <= {pid for pid, _, _ in bench.watcher.gone}:
            done, _, _ = await bench.do("pid")
            assert done.verdict is Verdict.DONE
        assert (await slow)[0].verdict is Verdict.TIMEOUT  # it had its time all the same
        await bench.whole()
        assert not old & {int((await bench.do("pid"))[1]) for _ in range(4)}


async def test_the_queue_is_first_come_first_served_and_bounded() -> None:
    async with running(queue=3) as bench:
        hanging, here = bench.begin("wait_for_cancel", then="end")
        await here
        order: list[int] = []

        async def one(number: int) -> None:
            await bench.do("echo", on_started=lambda: order.append(number))

        waiting = [asyncio.create_task(one(number)) for number in range(3)]
        await bench.until(lambda now: now.waiting == 3)
        with pytest.raises(PoolFull) as full:
            await bench.do("echo")
        assert full.value.queue == 3
        waiting[1].cancel()
        await asyncio.gather(waiting[1], return_exceptions=True)
        assert bench.pool.stats().waiting == 2
        hanging.cancel()
        await asyncio.gather(waiting[0], waiting[2])
        assert order == [0, 2]


async def test_stop_lets_calls_end_and_refuses_others() -> None:
    async with running() as bench:
        running_call = asyncio.create_task(bench.do("burn", cpu_ms=300))
        queued = asyncio.create_task(bench.do("echo", b"queued"))
        await bench.until(lambda now: now.waiting)
        stop = asyncio.create_task(bench.pool.stop(drain_seconds=20))
        await asyncio.sleep(0)
        with pytest.raises(PoolClosed):
            await bench.do("echo")
        assert (await running_call)[0].verdict is Verdict.DONE
        assert (await queued)[2] == [b"queued"]
        await stop
        assert bench.pool.stats().exits == {ExitReason.STOP: 1}


@pytest.mark.parametrize(
    ("deed", "verdict"), [("wait_for_cancel", Verdict.DONE), ("hang", Verdict.CANCELLED)]
)
async def test_stop_ends_what_does_not_end(deed: str, verdict: Verdict) -> None:
    async with running() as bench:
        given = {"then": "end"} if deed == "wait_for_cancel" else {}
        call, here = bench.begin(deed, **given)
        await here
        queued = asyncio.create_task(bench.do("echo"))
        await bench.until(lambda now: now.waiting)
        await bench.pool.stop(drain_seconds=0.05)
        assert (await call)[0].verdict is verdict
        with pytest.raises(PoolClosed):
            await queued


async def test_stop_does_not_wait_for_a_call_whose_inputs_are_on_their_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def copy_slowly(jobs: Any) -> None:
        begun.set()
        go_on.wait(60)
        copy_all(jobs)

    monkeypatch.setattr(inputs, "copy_all", copy_slowly)
    async with running() as bench:
        call = asyncio.create_task(bench.do("hang", bytes(50 << 20)))
        assert await asyncio.to_thread(begun.wait, 60)
        await bench.pool.stop()
        assert not go_on.is_set()
        go_on.set()
        with pytest.raises(PoolClosed):
            await call


async def test_a_worker_that_does_not_stop_is_killed() -> None:
    async with running(config={"close": "hang"}, stop_grace=0.2) as bench:
        (pid,) = bench.watcher.born
    assert bench.watcher.gone == [(pid, ExitReason.STOP, "did not stop when asked to")]
    assert not alive(pid)


async def test_want_of_descriptors_is_survived() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with running(spares=0) as bench:
        await bench.do("echo", b"warm")
        resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
        try:
            with pytest.raises(PoolUnavailable, match="no shared memory"):
                await bench.do("echo", bytes(1 << 20))
            done, _, _ = await bench.do("big_header", size=1 << 20)
            assert done.verdict is Verdict.ERROR  # a MemoryError of the handler
            await bench.do("die", how="SIGKILL")
            await bench.watcher.until(lambda: not bench.watcher.readiness_seen[-1][0])
            assert "cannot spawn" in bench.watcher.readiness_seen[-1][1]
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await bench.whole()
        assert (await bench.do("echo", bytes(1 << 20)))[2] == [bytes(1 << 20)]


async def test_a_pool_that_was_never_started_is_closed() -> None:
    pool = WorkerPool(spec())
    with pytest.raises(PoolClosed):
        await pool.run(work("echo")).__aenter__()
    await pool.stop()


def switches(pid: int) -> str:
    return Path(f"/proc/{pid}/schedstat").read_text()


async def test_an_idle_pool_costs_nothing() -> None:
    async with running() as bench:
        pid = (await bench.do("echo"))[0].worker_pid
        await asyncio.sleep(0.05)  # the watch goes to sleep
        before, theirs = time.process_time(), switches(pid)
        await asyncio.sleep(0.3)
        assert time.process_time() - before < 0.02
        assert switches(pid) == theirs


_FRONT = """
import asyncio, json, sys
sys.path.insert(0, {here!r})
from pools import running

async def main():
    async with running(workers=2, spares=1) as bench:
        await bench.whole()
        _, here = bench.begin({deed!r})
        await here
        birth = json.loads((await bench.do("birth"))[1])
        print(*bench.watcher.born, birth["importer"], flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("deed", ["hang", "hold"])
def test_a_killed_front_takes_its_workers_with_it(deed: str) -> None:
    code = _FRONT.format(here=str(Path(__file__).parent), deed=deed)
    front = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert front.stdout
    pids = [int(word) for word in front.stdout.readline().split()]
    assert len(set(pids)) == 4  # the last forked the others
    watched = [os.pidfd_open(pid) for pid in pids]
    os.kill(front.pid, signal.SIGKILL)
    front.wait()
    until = time.monotonic() + 20
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < until, "its workers live on"
        os.sched_yield()
    for descriptor in watched:
        os.close(descriptor)
    front.stdout.close()

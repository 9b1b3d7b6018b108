"""Bad ends: each call gets its own verdict, at once, and nobody else notices."""

import asyncio
import os
import signal
import time

import pytest
from pools import Bench, alive, running

from mesh_service.pool import ExitReason, Verdict


@pytest.mark.parametrize(
    ("how", "signal_number", "exit_code"),
    [
        ("SIGKILL", signal.SIGKILL, 0),
        ("SIGABRT", signal.SIGABRT, 0),
        ("segv", signal.SIGSEGV, 0),
        ("exit", 0, 5),
    ],
)
async def test_a_crash_in_mid_call_among_a_hundred_others(
    how: str, signal_number: int, exit_code: int
) -> None:
    async with running(workers=2, spares=1) as bench:
        await bench.whole()
        victim, here = bench.begin("die", how=how)
        data = [os.urandom(1000 + 1000 * index) for index in range(100)]
        others = [asyncio.create_task(bench.do("reverse", item)) for item in data]
        await here
        done, _, _ = await victim
        assert (done.verdict, done.started) == (Verdict.CRASH, True)
        assert (done.signal, done.exit_code) == (signal_number, exit_code)
        for item, (other, _, buffers) in zip(data, await asyncio.gather(*others), strict=True):
            assert other.verdict is Verdict.DONE
            assert buffers == [item[::-1]]
        assert await bench.whole() < 5
        assert bench.watcher.gone[0][:2] == (done.worker_pid, ExitReason.CRASH)
        assert bench.pool.stats().verdicts == {Verdict.DONE: 100, Verdict.CRASH: 1}


async def test_a_spare_takes_the_place_of_a_killed_worker_at_once() -> None:
    async with running(workers=1, spares=1) as bench:
        await bench.whole()
        victim, here = bench.begin("hang")
        await here
        (pid,) = [pid for pid in bench.watcher.born if pid != bench.watcher.born[1]]
        os.kill(pid, signal.SIGKILL)
        next_one = await bench.do("pid")
        assert (await victim)[0].verdict is Verdict.CRASH
        assert next_one[0].worker_pid == bench.watcher.born[1]


async def test_a_hang_is_killed_past_its_deadline() -> None:
    for deed in ("hang", "hold"):
        async with running(grace=0.1) as bench:
            start = time.monotonic()
            done, _, _ = await bench.do(deed, limits={"run_time": 0.2})
            assert time.monotonic() - start >= 0.3
            assert (done.verdict, done.started, done.signal) == (Verdict.TIMEOUT, True, 9)
            await bench.watcher.until(lambda bench=bench: bench.watcher.gone)
            assert bench.watcher.gone[0][1] is ExitReason.TIMEOUT
            assert not alive(done.worker_pid)
            assert (await bench.do("echo"))[0].verdict is Verdict.DONE


async def test_a_stopped_process_is_killed_too() -> None:
    async with running() as bench:
        pid = int((await bench.do("pid"))[1])
        os.kill(pid, signal.SIGSTOP)
        done, _, _ = await bench.do("echo", limits={"run_time": 0.1})
        assert (done.verdict, done.started) == (Verdict.TIMEOUT, False)


@pytest.mark.parametrize(("then", "survives"), [("end", True), ("go on", False)])
async def test_cancelling_frees_the_slot(then: str, survives: bool) -> None:
    async with running(spares=1, cancel_grace=0.05) as bench:
        await bench.whole()
        call, here = bench.begin("wait_for_cancel", then=then)
        await here
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        done, _, _ = await bench.do("pid")
        assert (done.worker_pid == bench.watcher.born[0]) is survives
        assert bench.pool.stats().verdicts == {Verdict.CANCELLED: 1, Verdict.DONE: 1}
        assert bench.pool.stats().calls == 0


async def test_cancelling_at_any_moment_loses_no_slot() -> None:
    async with running(spares=1) as bench:
        data = os.urandom(3 << 20)
        for step in range(60):
            call = asyncio.create_task(bench.do("reverse", data[: (3 << 20) >> (step % 5)]))
            for _ in range(step):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        assert (await bench.do("reverse", data))[2] == [data[::-1]]
        assert bench.pool.stats().calls == 0


async def test_a_cancelled_call_does_not_take_its_neighbours_with_it() -> None:
    async with running(concurrency=3) as bench:
        stubborn, here = bench.begin("wait_for_cancel", then="go on", limits={"run_time": 1.0})
        await here
        neighbour, here = bench.begin("wait_for_cancel", then="end")
        await here
        stubborn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stubborn
        done, _, _ = await bench.do("burn", cpu_ms=100)  # longer than the grace
        assert done.verdict is Verdict.DONE
        assert not bench.watcher.gone
        assert (await neighbour)[0].verdict is Verdict.CRASH  # killed when the stubborn ran over
        assert bench.watcher.gone == [] or bench.watcher.gone[0][1] is ExitReason.TIMEOUT


async def test_a_crash_takes_all_calls_of_its_process() -> None:
    async with running(concurrency=3) as bench:
        victims = [bench.begin("hang") for _ in range(2)]
        for _, here in victims:
            await here
        done, _, _ = await bench.do("die", how="SIGKILL")
        assert done.verdict is Verdict.CRASH
        for victim, _ in victims:
            other, _, _ = await victim
            assert (other.verdict, other.signal) == (Verdict.CRASH, 9)


async def test_a_memory_bomb_is_stopped(bench: Bench) -> None:
    done, _, _ = await bench.do("eat", megabytes=4000, limits={"memory_bytes": 100 << 20})
    assert done.verdict is Verdict.MEMORY_LIMIT
    assert done.peak_memory > 100 << 20
    done, _, _ = await bench.do("eat", megabytes=20, then="nap", limits={"memory_bytes": 100 << 20})
    assert done.verdict is Verdict.DONE


async def test_the_workers_own_memory_limit() -> None:
    async with running(memory_bytes=200 << 20) as bench:
        done, _, _ = await bench.do("eat", megabytes=4000)
        assert done.verdict is Verdict.MEMORY_LIMIT
        await bench.watcher.until(lambda: bench.watcher.gone)
        assert bench.watcher.gone[0][1] is ExitReason.MEMORY
        assert (await bench.do("echo"))[0].verdict is Verdict.DONE


async def test_a_worker_that_grows_is_recycled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mesh_service.pool.watch.INTERVAL", 60.0)  # seen when idle, not before
    monkeypatch.setattr("mesh_service.pool.gauge._REST_INTERVAL", 0.0)
    async with running(memory_bytes=200 << 20) as bench:
        pids: list[int] = []
        for _ in range(4):
            done, _, _ = await bench.do("hoard", megabytes=90)
            assert done.verdict is Verdict.DONE
            pids.append(done.worker_pid)
        await bench.watcher.until(lambda: bench.watcher.gone)
        assert pids[0] == pids[1]
        assert bench.watcher.gone[0][:2] == (pids[0], ExitReason.RECYCLE)


async def test_a_call_that_had_not_started_is_tried_elsewhere_once() -> None:
    async with running(workers=1, spares=1) as bench:
        await bench.whole()
        pid = int((await bench.do("pid"))[1])
        os.kill(pid, signal.SIGSTOP)  # it will not read START
        started: list[bool] = []
        call = asyncio.create_task(bench.do("pid", on_started=lambda: started.append(True)))
        await bench.until(lambda now: now.calls)
        os.kill(pid, signal.SIGKILL)
        done, header, _ = await call
        assert done.verdict is Verdict.DONE
        assert int(header) != pid
        assert started == [True]


async def test_a_call_is_tried_no_more_than_twice() -> None:
    async with running(workers=1, spares=1) as bench:
        await bench.whole()
        pids = bench.watcher.born[:2]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        call = asyncio.create_task(bench.do("pid"))
        for pid in pids:
            await bench.until(lambda now: now.calls)
            os.kill(pid, signal.SIGKILL)
            await bench.watcher.until(
                lambda pid=pid: pid in [gone[0] for gone in bench.watcher.gone]
            )
        done, _, _ = await call
        assert (done.verdict, done.started) == (Verdict.CRASH, False)


async def test_what_a_worker_started_dies_with_it(bench: Bench) -> None:
    call, first = bench.begin("leave_child", limits={"run_time": 0.1})
    grandchild = int(await first)
    assert alive(grandchild)
    assert (await call)[0].verdict is Verdict.TIMEOUT
    await bench.watcher.until(lambda: bench.watcher.gone)
    for _ in range(1000):
        if not alive(grandchild):
            break
        await asyncio.sleep(0.001)
    assert not alive(grandchild)


@pytest.mark.parametrize(
    "how",
    [
        "garbage",
        "huge length",
        "unknown kind",
        "front's kind",
        "unknown id",
        "ready again",
        "done twice",
        "short done",
        "unknown flags",
        "no parts",
        "a million parts",
        "part beyond the frame",
        "foreign segment",
        "offset beyond the segment",
        "over the reply's limit",
        "needs too much",
        "needs nothing",
        "needs without end",
        "needs many",
        "floods with events",
        "floods with calls",
        "reads no answers",
        "closes its socket",
    ],
)
async def test_an_attack_costs_the_worker_its_life_and_nothing_else(how: str) -> None:
    async def answer(_: bytes) -> bytes:
        if how != "reads no answers":
            await asyncio.Event().wait()
        return bytes(15 << 20)

    async with running(workers=1, spares=1) as bench:
        await bench.whole()
        limits = {"reply_limit": 1 << 20, "event_limit": 100_000}
        if how == "needs many":
            limits["reply_limit"] = 1 << 40
        done, header, _ = await bench.do("attack", how=how, limits=limits, on_call=answer)
        if how == "done twice":  # the first was right
            assert (done.verdict, header) == (Verdict.DONE, b"first")
        else:
            assert done.verdict is Verdict.CRASH
        await bench.watcher.until(lambda: bench.watcher.gone)
        reason = ExitReason.CRASH if how == "closes its socket" else ExitReason.PROTOCOL
        assert bench.watcher.gone[0][1] is reason
        assert (await bench.do("echo", b"next"))[2] == [b"next"]
        assert bench.pool.stats().segment_bytes <= 1 << 20


async def test_a_call_may_have_less_grace_than_the_pool() -> None:
    async with running(grace=20.0) as bench:
        done, _, _ = await bench.do("hang", limits={"run_time": 0.1, "grace": 0.0})
        assert done.verdict is Verdict.TIMEOUT
        assert 100_000 <= done.run_us < 1_000_000

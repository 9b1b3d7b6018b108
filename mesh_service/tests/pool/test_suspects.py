"""Several calls in one worker, which dies: those that may run again do, each by itself, and only
the one that kills its worker ends with it."""

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from pools import Bench, running, work

from mesh_service.pool import Done, ExitReason, Verdict
from mesh_service.pool.flight import Flight

PARTIES = 6
AGAIN = {"repeatable": True}

Task = asyncio.Task[tuple[Done, bytes, list[bytes]]]


class Doomed:
    """Calls that meet in one worker and stay there until it ends."""

    def __init__(self, bench: Bench, marks: Path) -> None:
        self.bench = bench
        self.marks = marks
        self.calls: list[Task] = []

    def add(self, how: str = "", limits: dict[str, Any] | None = None) -> Task:
        given = {"marks": str(self.marks), "name": str(len(self.calls)), "parties": PARTIES}
        limits = AGAIN if limits is None else limits
        self.calls.append(
            asyncio.create_task(self.bench.do("doomed", how=how, limits=limits, **given))
        )
        return self.calls[-1]

    async def met(self) -> None:
        await self.bench.until(lambda _: len(list(self.marks.iterdir())) == PARTIES)


async def alone(call: Task) -> bool:
    done, header, _ = await call
    return (done.verdict, header) == (Verdict.DONE, b"0")


@pytest.mark.parametrize(
    ("how", "verdict"), [("SIGSEGV", Verdict.CRASH), ("eat", Verdict.MEMORY_LIMIT)]
)
async def test_only_the_one_that_kills_its_worker_ends_with_it(
    tmp_path: Path, how: str, verdict: Verdict
) -> None:
    memory = 100 << 20 if how == "eat" else 0
    async with running(concurrency=PARTIES, spares=1, memory_bytes=memory) as bench:
        doomed = Doomed(bench, tmp_path)
        culprit = doomed.add(how)
        innocent = [doomed.add() for _ in range(PARTIES - 1)]
        later = [asyncio.create_task(bench.do("echo", b"x", limits=AGAIN)) for _ in range(30)]
        done, _, _ = await culprit
        assert done.verdict is verdict
        assert done.signal == (signal.SIGSEGV if how == "SIGSEGV" else signal.SIGKILL)
        assert [await alone(call) for call in innocent] == [True] * (PARTIES - 1)
        assert [(await call)[2] for call in later] == [[b"x"]] * 30
        assert bench.pool.stats().verdicts == {verdict: 1, Verdict.DONE: 30 + PARTIES - 1}
        await bench.watcher.until(lambda: len(bench.watcher.gone) == 2)


async def test_killed_from_outside_all_have_their_answers(tmp_path: Path) -> None:
    async with running(concurrency=PARTIES) as bench:
        doomed = Doomed(bench, tmp_path)
        calls = [doomed.add() for _ in range(PARTIES)]
        await doomed.met()
        os.kill(bench.watcher.born[0], signal.SIGKILL)
        assert [await alone(call) for call in calls] == [True] * PARTIES


async def test_what_may_not_run_again_ends_with_its_worker(tmp_path: Path) -> None:
    async with running(concurrency=PARTIES + 1) as bench:
        doomed = Doomed(bench, tmp_path)
        told, here = bench.begin("hang", limits=AGAIN)
        await here
        calls = [doomed.add(limits={}), *(doomed.add() for _ in range(PARTIES - 1))]
        await doomed.met()
        os.kill(bench.watcher.born[0], signal.SIGKILL)
        for call in (told, calls[0]):
            done, _, _ = await call
            assert (done.verdict, done.signal) == (Verdict.CRASH, signal.SIGKILL)
        assert [await alone(call) for call in calls[1:]] == [True] * (PARTIES - 1)


async def test_one_that_had_its_worker_to_itself_is_not_run_again(tmp_path: Path) -> None:
    async with running(concurrency=PARTIES) as bench:
        given = {"marks": str(tmp_path), "name": "it", "parties": 1}
        call = asyncio.create_task(bench.do("doomed", limits=AGAIN, **given))
        await bench.until(lambda _: list(tmp_path.iterdir()))
        os.kill(bench.watcher.born[0], signal.SIGKILL)
        assert (await call)[0].verdict is Verdict.CRASH


async def test_what_has_had_more_of_its_time_than_is_left_is_not_run_again() -> None:
    flight = Flight(work("echo", limits={"run_time": 60.0, **AGAIN}), None, None, None)
    flight.send(0.1)
    assert flight.repeats()
    flight.sent = time.monotonic() - 31
    assert not flight.repeats()
    flight.sent = time.monotonic() - 20
    flight.isolate(Done(verdict=Verdict.CRASH))
    assert 39 < flight.run_time < 40.1
    assert not flight.repeats()


async def test_a_suspect_that_leaves_lets_those_behind_it_through(tmp_path: Path) -> None:
    """They wait for an empty worker, and new calls wait behind them."""
    async with running(concurrency=PARTIES, spares=1) as bench:
        await bench.whole()
        doomed = Doomed(bench, tmp_path)
        calls = [doomed.add() for _ in range(PARTIES)]
        behind = [asyncio.create_task(bench.do("hang")) for _ in range(PARTIES - 1)]
        await doomed.met()
        os.kill(bench.watcher.born[0], signal.SIGKILL)
        await bench.until(lambda now: now.waiting == PARTIES and now.calls == PARTIES - 1)
        last = asyncio.create_task(bench.do("echo", b"last"))
        await bench.until(lambda now: now.waiting == PARTIES + 1)
        for call in calls:
            call.cancel()
        assert (await last)[2] == [b"last"]
        for call in behind:
            call.cancel()


async def test_a_pool_that_stops_gives_suspects_what_became_of_them(tmp_path: Path) -> None:
    async with running(concurrency=PARTIES, spares=1) as bench:
        await bench.whole()
        doomed = Doomed(bench, tmp_path)
        calls = [doomed.add() for _ in range(PARTIES)]
        hang = asyncio.create_task(bench.do("hang"))
        await doomed.met()
        os.kill(bench.watcher.born[0], signal.SIGKILL)
        await bench.until(lambda now: now.waiting == PARTIES and now.calls == 1)
        await bench.pool.stop()
        for call in calls:
            assert (await call)[0].verdict is Verdict.CRASH
        assert (await hang)[0].verdict is Verdict.CANCELLED
        assert next(reason for _, reason, _ in bench.watcher.gone) is ExitReason.CRASH

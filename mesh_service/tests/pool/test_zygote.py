"""Workers that a zygote forks: whose children they are, what they share, what happens without."""

import asyncio
import json
import logging
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from pools import Bench, alive, running, spec

from mesh_service.pool import Verdict, WorkerPool, zygote


async def birth(bench: Bench) -> dict[str, Any]:
    done, header, _ = await bench.do("birth")
    return {"pid": done.worker_pid, **json.loads(header)}


async def importer(bench: Bench) -> int:
    """The process that imported for a worker: itself, or its zygote."""
    return (await birth(bench))["importer"]


async def gone(pid: int) -> None:
    async with asyncio.timeout(20):
        while alive(pid):
            await asyncio.sleep(0)


async def test_pools_share_a_zygote_whose_workers_are_the_fronts_own_children() -> None:
    async with running() as first, running() as second:
        one, other = await birth(first), await birth(second)
        assert one["importer"] == other["importer"] not in (one["pid"], other["pid"])
        for each in (one, other):
            assert each["parent"] == os.getpid()
            assert each["known"]
        async with running(env={**first.pool.spec.env, "OTHER": "1"}) as third:
            assert (await birth(third))["importer"] not in (one["importer"], one["pid"])
    await gone(one["importer"])


async def test_a_worker_that_dies_is_replaced_by_a_fork() -> None:
    async with running() as bench:
        before = await birth(bench)
        done, _, _ = await bench.do("die", how="SIGKILL")
        assert (done.verdict, done.signal) == (Verdict.CRASH, signal.SIGKILL)
        after = await birth(bench)
        assert after["importer"] == before["importer"]
        assert after["pid"] != before["pid"]


async def test_workers_outlive_their_zygote_and_another_is_made() -> None:
    async with running(workers=2) as bench:
        await bench.whole()
        pids = set(bench.watcher.born)
        lost = await importer(bench)
        os.kill(lost, signal.SIGKILL)
        await gone(lost)
        assert (await bench.do("echo", b"alive"))[0].worker_pid in pids
        async with asyncio.timeout(60):
            while await importer(bench) in (lost, (await bench.do("pid"))[0].worker_pid):
                await bench.do("die", how="SIGKILL")  # the first after it are fresh interpreters
                await bench.whole()


@pytest.mark.parametrize(
    ("module", "why"),
    [("no_such_module", "it has ended"), ("threaded", "2 threads run")],
)
async def test_without_a_zygote_workers_are_fresh_interpreters(
    module: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        async with running(prepared=("deeds", module)) as bench:
            for _ in range(2):
                here = await birth(bench)
                assert here["importer"] == here["pid"]
                await bench.do("die", how="SIGKILL")
    (said,) = [each for each in caplog.records if each.getMessage() == "no zygote"]
    assert why in said.__dict__["fields"]["why"]


async def test_one_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zygote, "_ANSWER_S", 0.1)
    async with running() as bench:
        deaf = await importer(bench)
        os.kill(deaf, signal.SIGSTOP)
        await bench.do("die", how="SIGKILL")
        assert await importer(bench) != deaf
        await gone(deaf)


async def test_a_pool_stopped_before_its_zygote_is_ready_starts_nothing(tmp_path: Path) -> None:
    async with running(prepared=("deeds", "json")) as bench:
        await bench.pool.stop()
        assert bench.pool.stats().starting == 0
        again = asyncio.create_task(bench.pool.start())
        await asyncio.sleep(0)
        await bench.pool.stop()
        await again
        assert len(bench.watcher.born) == 1


async def test_one_that_is_late_is_there_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else whoever waits for less than it takes would begin with another each time."""
    monkeypatch.setattr(zygote, "_KEPT_S", 0.5)
    late = await abandoned()
    async with running() as bench:
        assert await importer(bench) == late
    await gone(late)
    await gone(await abandoned())  # and not for ever


async def test_one_that_has_ended_takes_no_other_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zygote, "_KEPT_S", 0.05)
    async with running():
        pass
    async with running() as first:
        await asyncio.sleep(0.2)  # more than a timer of the one before would take
        async with running() as second:
            assert await importer(second) == await importer(first)


async def abandoned() -> int:
    """The zygote of a pool that is stopped as it starts."""
    before = children()
    pool = WorkerPool(spec())
    start = asyncio.create_task(pool.start())
    await asyncio.sleep(0)
    await pool.stop()
    await start
    (begun,) = children() - before
    return begun


def children() -> set[int]:
    """This process's own."""
    tasks = Path("/proc/self/task").glob("*/children")
    return {int(pid) for task in tasks for pid in task.read_text().split()}

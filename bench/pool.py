"""The worker pool's own costs, against memcpy of the same run. Prints a table; JSON by ``--json``.

PYTHONPATH=mesh_service/src python bench/pool.py [--json FILE]
"""

import argparse
import asyncio
import ctypes
import importlib
import json
import os
import signal
import socket
import statistics
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mesh_service.pool import Call, PoolObserver, PoolSpec, Reply, Verdict, Work, WorkerPool

ADAPTER = "mesh_service.executor.worker"


class Worker:
    """``n``: nothing, ``r<size>``: a result in place (granted, not filled: what the pool adds),
    ``c<size>``: a result copied, ``h``: waits to be cancelled, ``h1``: and does not listen."""

    def __init__(self, config: Any) -> None:
        self.source = b"r" * config["bytes"]

    def describe(self) -> bytes:
        return b""

    def close(self) -> None:
        pass

    def __call__(self, call: Call) -> Reply:
        deed, size = call.header[:1], int(call.header[1:] or b"0")
        if deed == b"r":
            result = call.allocate(size)
            result[0] = 1
            return Reply(b"", [result])
        if deed == b"c":
            return Reply(b"", [memoryview(self.source)[:size]])
        if deed == b"h":
            call.emit(b"")
            call.cancelled.wait()
            if size:
                signal.pause()
        return Reply(b"")


class Executors(Worker):
    """With what an executor's worker imports before its own."""

    def __init__(self, config: Any) -> None:
        importlib.import_module(ADAPTER)
        super().__init__(config)


def median_of(times: list[float]) -> float:
    return statistics.median(times)


async def timed(do: Callable[[], Awaitable[None]], count: int, warm: int) -> list[float]:
    times: list[float] = []
    for index in range(warm + count):
        start = time.perf_counter()
        await do()
        if index >= warm:
            times.append(time.perf_counter() - start)
    return sorted(times)


def socket_pair_echo() -> float:
    """The floor: an asyncio front and a bare ``recv``/``send`` loop in another process."""
    near, far = socket.socketpair()
    if not (child := os.fork()):
        near.close()
        while data := far.recv(4096):
            far.send(data)
        os._exit(0)
    far.close()
    with near:
        near.setblocking(False)
        floor = asyncio.run(_ask_echo(near))
    os.waitpid(child, 0)
    return floor


async def _ask_echo(near: socket.socket) -> float:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[None] = loop.create_future()

    def readable() -> None:
        near.recv(4096)
        answer.set_result(None)

    async def once() -> None:
        nonlocal answer
        answer = loop.create_future()
        near.send(b"x" * 100)
        await answer

    loop.add_reader(near.fileno(), readable)
    times = await timed(once, 5000, 500)
    loop.remove_reader(near.fileno())
    return median_of(times)


@contextmanager
def awake() -> Generator[None]:
    """Keep every core from halting, by loops that run only where nothing else wants to.

    A virtual machine's halted core takes some 20 us to wake, twice in each call: with this the
    pool's own cost is seen, as on a machine that has other work.
    """
    loops: list[int] = []
    for core in os.sched_getaffinity(0):
        if not (child := os.fork()):
            os.sched_setaffinity(0, {core})
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            while os.getppid() != 1:
                pass
            os._exit(0)
        loops.append(child)
    try:
        yield
    finally:
        for child in loops:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def memcpy(size: int, count: int) -> float:
    source, target = b"x" * size, ctypes.create_string_buffer(size)
    times: list[float] = []
    for _ in range(count):
        start = time.perf_counter()
        ctypes.memmove(target, source, size)
        times.append(time.perf_counter() - start)
    return median_of(times)


class Starts(PoolObserver):
    """How long each worker took from its spawn until it was ready."""

    def __init__(self) -> None:
        self.ms: list[float] = []

    def worker_ready(self, pid: int, start_us: int) -> None:
        self.ms.append(start_us / 1e3)


async def starts(env: dict[str, str], prepared: tuple[str, ...]) -> float:
    """Milliseconds that a worker of an executor takes to be ready."""
    seen = Starts()
    spec = PoolSpec(
        target="pool:Executors",
        config={"bytes": 1},
        workers=1,
        spares=0,
        recycle_after=1,
        env=env,
        prepared=prepared,
    )
    pool = WorkerPool(spec, seen)
    await pool.start()
    while len(seen.ms) < 21:
        async with pool.run(Work(header=b"n")):
            pass
    await pool.stop()
    return median_of(seen.ms)


async def main(floor: float) -> dict[str, float]:
    env = {"PYTHONPATH": f"{Path(__file__).parent}:{os.environ.get('PYTHONPATH', '')}"}
    pool = WorkerPool(
        PoolSpec(target="pool:Worker", config={"bytes": 100_000_000}, workers=1, spares=1, env=env)
    )
    await pool.start()
    found: dict[str, float] = {}

    def say(name: str, value: float, unit: str, note: str = "") -> None:
        found[name] = value
        print(f"{name:<34}{value:>10.2f} {unit:<4}{note}")

    async def whole() -> float:
        start = time.perf_counter()
        while True:
            now = pool.stats()
            if now.idle + now.busy + now.spare == 2 and not now.starting:
                return time.perf_counter() - start
            await asyncio.sleep(0.001)

    async def once(header: bytes, *buffers: bytes) -> None:
        async with pool.run(Work(header=header, buffers=buffers)) as done:
            assert done.verdict is Verdict.DONE

    await whole()
    say("socket pair echo p50", floor * 1e6, "us", "the floor")

    async def no_op(cores: str) -> None:
        # In rounds: other work on the machine disturbs some of them.
        rounds = [await timed(lambda: once(b"n"), 1000, 100) for _ in range(10)]
        times = sorted(time for one in rounds for time in one)
        say(f"no-op p50, cores {cores}", median_of(times) * 1e6, "us", "goal 100")
        say(f"    its best round, cores {cores}", min(map(median_of, rounds)) * 1e6, "us")
        say(f"    its p99, cores {cores}", times[len(times) * 99 // 100] * 1e6, "us")

    await no_op("idle")
    with awake():
        await no_op("awake")

    async def caller(calls: int) -> None:
        for _ in range(calls):
            await once(b"n")

    start = time.perf_counter()
    await asyncio.gather(*(caller(100) for _ in range(64)))
    say("no-op, 64 callers, 1 worker", 6400 / (time.perf_counter() - start), "/s")

    for megabytes in (1, 10, 100):
        size, count = megabytes * 1_000_000, max(15, 300 // megabytes)
        data = b"x" * size
        # interleaved, so that a slow moment of the machine is in both
        base: list[float] = []
        ways: dict[str, list[float]] = {"in": [], "out, in place": [], "out, copied": []}
        for index in range(count + 3):
            base.append(memcpy(size, 1))
            for name, header, buffers in (
                ("in", b"n", [data]),
                ("out, in place", b"r%d" % size, []),
                ("out, copied", b"c%d" % size, []),
            ):
                start = time.perf_counter()
                await once(header, *buffers)
                if index >= 3:
                    ways[name].append(time.perf_counter() - start)
        copy = median_of(base)
        say(f"{megabytes} MB memcpy", copy * 1e3, "ms")
        for name, samples in ways.items():
            value = median_of(samples)
            say(f"{megabytes} MB {name}", value * 1e3, "ms", f"{value / copy:.2f} x memcpy")

    async def hang(header: bytes) -> asyncio.Task[None]:
        here = asyncio.Event()

        async def run() -> None:
            work = Work(header=header)
            async with pool.run(work, on_event=lambda _: here.set()) as done:
                assert done.verdict is Verdict.CRASH, done

        task = asyncio.create_task(run())
        await here.wait()
        return task

    kills: list[float] = []
    slots: list[float] = []
    for _ in range(9):
        await whole()
        async with pool.run(Work(header=b"n")) as done:
            pid = done.worker_pid
        task = await hang(b"h")
        start = time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        await task
        await once(b"n")
        slots.append(time.perf_counter() - start)
        await whole()
        kills.append(time.perf_counter() - start)
    say("kill -9 to next answer", median_of(slots) * 1e3, "ms")
    say("kill -9 to whole again", median_of(kills) * 1e3, "ms", "goal 1000")

    for name, header in (("a call that listens", b"h"), ("a call that does not", b"h1")):
        frees: list[float] = []
        for _ in range(9):
            await whole()
            task = await hang(header)
            start = time.perf_counter()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await once(b"n")
            frees.append(time.perf_counter() - start)
        say(f"cancel, {name}", median_of(frees) * 1e3, "ms", "goal 100, to next answer")
    await pool.stop()

    fresh, forked = await starts(env, ()), await starts(env, (ADAPTER, "pool"))
    say("a worker's start, fresh", fresh, "ms")
    say("    forked by a zygote", forked, "ms", f"{fresh / forked:.1f} times as soon")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    figures = asyncio.run(main(socket_pair_echo()))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(figures, indent=1))

"""Pools of real worker processes."""

import asyncio
import json
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mesh_service.pool import (
    Done,
    ExitReason,
    PoolObserver,
    PoolSpec,
    PoolStatistics,
    Work,
    WorkerPool,
)

_HERE = str(Path(__file__).parent)


class Watcher(PoolObserver):
    """Writes down what a pool tells, and lets a test wait for it."""

    def __init__(self) -> None:
        self.readiness_seen: list[tuple[bool, str]] = []
        self.descriptions: list[bytes] = []
        self.born: list[int] = []
        self.gone: list[tuple[int, ExitReason, str]] = []
        self._changed = asyncio.Event()

    def readiness(self, ready: bool, error: str) -> None:
        self.readiness_seen.append((ready, error))
        self._changed.set()

    def described(self, description: bytes) -> None:
        self.descriptions.append(description)

    def worker_ready(self, pid: int, start_us: int) -> None:
        assert 0 < start_us < 60_000_000
        self.born.append(pid)
        self._changed.set()

    def worker_gone(self, pid: int, reason: ExitReason, detail: str) -> None:
        self.gone.append((pid, reason, detail))
        self._changed.set()

    async def until(self, condition: Callable[[], object], seconds: float = 20.0) -> float:
        """Wait for something told to make ``condition`` true; give the seconds it took."""
        start = time.monotonic()
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()
        return time.monotonic() - start


def spec(**given: Any) -> PoolSpec:
    env = {"PYTHONPATH": os.pathsep.join([_HERE, os.environ.get("PYTHONPATH", "")])}
    defaults: dict[str, Any] = {
        "target": "deeds:Deeds",
        "prepared": ("deeds",),
        "env": env,
        "workers": 1,
        "spares": 0,
    }
    return PoolSpec(**{**defaults, **given})


def work(do: str, *buffers: Any, limits: dict[str, Any] | None = None, **given: Any) -> Work:
    header = json.dumps({"do": do, **given}).encode()
    all_limits: dict[str, Any] = {"run_time": 30.0, **(limits or {})}
    return Work(header=header, buffers=buffers, **all_limits)


class Bench:
    """A pool, what it tells, and short ways to use it."""

    def __init__(self, pool: WorkerPool, watcher: Watcher) -> None:
        self.pool = pool
        self.watcher = watcher

    async def do(self, do: str, *buffers: Any, **given: Any) -> tuple[Done, bytes, list[bytes]]:
        """Run to the end; give what became of it, its header and copies of its buffers."""
        callbacks = {name: given.pop(name) for name in list(given) if name.startswith("on_")}
        async with self.pool.run(work(do, *buffers, **given), **callbacks) as done:
            return done, done.header, [bytes(buffer) for buffer in done.buffers]

    def begin(
        self, do: str, **given: Any
    ) -> tuple[asyncio.Task[tuple[Done, bytes, list[bytes]]], Awaitable[bytes]]:
        """Start a call; gives its task and its first event."""
        first: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        def on_event(event: bytes) -> None:
            if not first.done():
                first.set_result(event)

        return asyncio.create_task(self.do(do, on_event=on_event, **given)), first

    async def until(self, condition: Callable[[PoolStatistics], object]) -> None:
        """Let the loop go on until the pool's statistics are so."""
        async with asyncio.timeout(20):
            while not condition(self.pool.stats()):
                await asyncio.sleep(0)

    async def whole(self) -> float:
        """Wait until every place has a ready worker; give the seconds it took."""
        spec, stats = self.pool.spec, self.pool.stats

        def is_whole() -> bool:
            now = stats()
            ready = now.idle + now.busy + now.spare
            return ready == spec.workers + spec.spares and not now.starting and not now.stopping

        return await self.watcher.until(is_whole)


@asynccontextmanager
async def running(**given: Any) -> AsyncGenerator[Bench]:
    """A started pool that is stopped at the end."""
    watcher = Watcher()
    pool = WorkerPool(spec(**given), watcher)
    try:
        async with asyncio.timeout(30):
            await pool.start()
        yield Bench(pool, watcher)
    finally:
        async with asyncio.timeout(30):
            await pool.stop()
        now = pool.stats()
        assert (now.starting, now.idle, now.busy, now.spare, now.stopping) == (0, 0, 0, 0, 0)
        assert (now.calls, now.waiting, now.segment_bytes) == (0, 0, 0)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"

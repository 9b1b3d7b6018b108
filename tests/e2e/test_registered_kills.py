"""kill -9 at any moment of a registration, a call or a deletion: what was answered is there."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import algorithm_pb2
from support import rpc
from support.killable import Killable, killable
from support.wait import until

pytestmark = pytest.mark.needs("pywasm")
NAME = "python.outlives"
KILLS = 100
"""At least; and so many that each kind of work was interrupted once."""
MOST = 3 * KILLS
PATIENCE_S = 30
KINDS: tuple[str, ...] = ("register", "delete", "call")
Versions = dict[str, int]
"""What each version gives."""


class Caller:
    """Does things, and knows what the registry may hold afterwards."""

    def __init__(self, address: str) -> None:
        self.address = address

    async def register(self, number: int) -> None:
        code = f"import numpy as np\nN = int(np.full(3, {number}).max())\ndef outlives(): return N"
        request = algorithm_pb2.RegisterAlgorithmRequest(name=NAME, code=code, version=f"v{number}")
        async with rpc.connect(self.address) as peer:
            await peer.algorithms.RegisterAlgorithm(request, timeout=PATIENCE_S)

    async def delete(self, version: str) -> None:
        request = algorithm_pb2.DeleteAlgorithmRequest(name=f"{NAME}@{version}")
        async with rpc.connect(self.address) as peer:
            await peer.algorithms.DeleteAlgorithm(request, timeout=PATIENCE_S)

    async def call(self, version: str = "") -> Any:
        name = f"{NAME}@{version}" if version else NAME
        async with rpc.connect(self.address) as peer:
            response = await peer.compute.Compute(rpc.request(name), timeout=PATIENCE_S)
        return json.loads(response.result) if rpc.outcome(response) == "OK" else None

    async def versions(self) -> set[str]:
        request = algorithm_pb2.ListAlgorithmsRequest(namespace="python")
        async with rpc.connect(self.address) as peer:
            listed = await peer.algorithms.ListAlgorithms(request, timeout=PATIENCE_S)
        found = [each.algorithm for each in listed.algorithms]
        return {each.version for each in found if each.name == NAME}

    async def there(self) -> bool:
        """Whether gateway and executor have met."""
        try:
            async with rpc.connect(self.address) as peer:
                request = rpc.request("python.run", {"code": "1"})
                response = await peer.compute.Compute(request, timeout=PATIENCE_S)
        except grpc.aio.AioRpcError:
            return False
        return rpc.outcome(response) == "OK"


@pytest.mark.timeout(1800)
async def test_what_was_answered_survives_kills_at_any_moment(tmp_path: Path) -> None:
    chance = random.Random(6)
    async with killable(tmp_path) as both:
        caller = Caller(both.running["gateway"].address)
        await until(caller.there, "gateway and executor")
        known: Versions = {"v0": 0}
        began = time.monotonic()
        await caller.register(0)
        longest = min(time.monotonic() - began, 0.5)
        interrupted = dict.fromkeys(KINDS, 0)
        most = 0
        for kill in range(MOST):
            if kill >= KILLS and all(interrupted.values()):
                break
            number = kill + 1
            what = chance.choices(KINDS, (5, 1 + len(known) // 6, 4))[0]
            if kill >= KILLS:
                what = next(kind for kind, count in interrupted.items() if not count)
            oldest, newest = next(iter(known)), list(known)[-1]
            if len(known) == 1 and what == "delete":
                what = "register"
            after: Versions = dict(known)
            work: Callable[[], Awaitable[Any]]
            within = longest if what == "register" else 0.02
            if what == "register":
                after[f"v{number}"] = number
                work = lambda number=number: caller.register(number)  # noqa: E731
            elif what == "delete":
                del after[oldest]
                work = lambda oldest=oldest: caller.delete(oldest)  # noqa: E731
            else:
                work = lambda newest=newest: caller.call(newest)  # noqa: E731
            victim = "pywasm" if kill % 10 == 9 else ("gateway", "workers")[kill % 2]
            answered, result = await _interrupted(
                both, victim, work, chance.uniform(0, 1.1 * within)
            )
            interrupted[what] += not answered
            most = max(most, len(known))
            await both.again(victim)
            await until(caller.there, "gateway and executor again")
            found = await caller.versions()
            possible = [after] if answered else [known, after]
            assert found in [set(each) for each in possible], (kill, what, victim, answered)
            known = next(each for each in possible if set(each) == found)
            if what == "call" and answered and result is not None:  # None: CRASH, of its worker
                assert result == known[newest]
            newest, some = list(known)[-1], chance.choice(list(known))
            assert await caller.call() == known[newest], (kill, what, victim)
            assert await caller.call(some) == known[some], (kill, what, victim)
        assert most > 10
        assert all(interrupted.values()), interrupted


async def _interrupted(
    both: Killable, victim: str, work: Callable[[], Awaitable[Any]], after: float
) -> tuple[bool, Any]:
    """Kill in the midst of it; whether it was answered, and with what."""
    doing = asyncio.ensure_future(work())
    await asyncio.sleep(after)
    both.kill(victim)
    try:
        return True, await doing
    except grpc.aio.AioRpcError as error:
        # INVALID_ARGUMENT: a set-up that crashed is told as its code's fault.
        if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INVALID_ARGUMENT):
            raise
        return False, None

"""An executor is stopped and started under load: no wrong answer, no hang, served again."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import grpc
from support.rpc import Peer, refusal
from support.subject import SUBJECTS, Subject
from support.wait import until

from edgemesh_local.mesh import Mesh

CALLERS = 4
DEADLINE_S = 10.0
SLACK_S = 20.0
"""For a busy machine; a hang would last for ever."""
REFUSALS = {"NOT_STARTED", "EXECUTOR_LOST", "SHUTTING_DOWN"}


class Load:
    """Callers of one subject that never rest; each answer is checked."""

    def __init__(self, gateway: Peer, subject: Subject) -> None:
        self._gateway, self._subject = gateway, subject
        self._stop = False
        self.right = 0
        self.reasons: Counter[str] = Counter()
        self._tasks = [asyncio.ensure_future(self._call(n)) for n in range(CALLERS)]

    async def _call(self, number: int) -> None:
        while not self._stop:
            number += CALLERS
            began = time.monotonic()
            try:
                response = await self._gateway.compute.Compute(
                    self._subject.quick(number % 1000), timeout=DEADLINE_S
                )
            except grpc.aio.AioRpcError as error:
                found = refusal(error)
                assert found.reason in REFUSALS, found
                self.reasons[found.reason] += 1
                await asyncio.sleep(0.01)  # not a wait for anything: a caller's own pause
            else:
                self._subject.check(number % 1000, response)
                self.right += 1
            assert time.monotonic() - began < DEADLINE_S + SLACK_S

    async def end(self) -> None:
        """Let each caller finish; raises what went wrong."""
        self._stop = True
        await asyncio.gather(*self._tasks)

    async def more(self) -> None:
        """Wait for answers that were asked for after now."""
        wanted = self.right + 2 * CALLERS

        def came() -> bool:
            for task in self._tasks:
                if task.done():
                    task.result()
            return self.right >= wanted

        await until(came, f"{self._subject.name} answers", within=60)


async def test_stopped_and_started_under_load(whole: Mesh, gateway: Peer, subject: Subject) -> None:
    pid = whole.pid("gateway")
    loads = {name: Load(gateway, SUBJECTS[name]) for name in whole.executors}
    under_test = loads[subject.name]
    try:
        for load in loads.values():
            await load.more()
        await whole.stop_service(subject.name)
        before = under_test.right
        for name, load in loads.items():
            if name != subject.name:
                await load.more()  # the others are served meanwhile
        assert under_test.right <= before + CALLERS
        await whole.start_service(subject.name)
        for load in loads.values():
            await load.more()
    finally:
        for load in loads.values():
            await load.end()
    assert whole.pid("gateway") == pid
    for name, load in loads.items():
        if name != subject.name:
            assert not load.reasons, (name, load.reasons)


async def test_killed_under_load(whole: Mesh, gateway: Peer, subject: Subject) -> None:
    load = Load(gateway, subject)
    try:
        for _ in range(2):
            await load.more()
            killed = whole.kill(subject.name)
            await whole.wait_serving(subject.name, not_pid=killed)
        await load.more()
    finally:
        await load.end()

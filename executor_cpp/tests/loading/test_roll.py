"""Of many versions some start at a time: those of a busy machine are to have time."""

from __future__ import annotations

import asyncio
import os
from typing import Any, cast

from edgemesh_executor_cpp.examine import Finding
from edgemesh_executor_cpp.files import Version
from edgemesh_executor_cpp.roll import Roll
from mesh_service.executor.crew import Crew

MANY = 4 * max(2, len(os.sched_getaffinity(0)))


class Recruits:
    """Crews that begin when they are let; how many do so at a time."""

    def __init__(self) -> None:
        self.beginning = self.most = self.begun = 0

    def enlist(self, version: Version) -> Crew:
        return cast(Any, self)

    async def begin(self, seconds: float) -> str:
        self.beginning += 1
        self.most = max(self.most, self.beginning)
        for _ in range(3):
            await asyncio.sleep(0)
        self.beginning -= 1
        self.begun += 1
        return ""


async def test_some_start_at_a_time() -> None:
    recruits = Recruits()
    roll = Roll(recruits.enlist, lambda: None, 10.0, 10.0)
    versions = [Version(f"{n}", Finding(f"p{n}", "1", (f"cpp.p{n}@1",))) for n in range(MANY)]
    await asyncio.gather(*map(roll.muster, versions))
    assert recruits.begun == MANY
    assert 2 <= recruits.most <= MANY // 4


async def test_one_that_several_ask_for_starts_once() -> None:
    """A file of its own, and each other file that is served, at an executor's restart."""
    recruits = Recruits()
    roll = Roll(recruits.enlist, lambda: None, 10.0, 10.0)
    version = Version("0", Finding("p", "1", ("cpp.p@1",)))
    await asyncio.gather(roll.muster(version), roll.serve([version]), roll.muster(version))
    assert recruits.begun == 1

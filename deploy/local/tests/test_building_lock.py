"""Two builds are kept apart."""

from __future__ import annotations

import asyncio
from pathlib import Path

from edgemesh_local.building_lock import building
from edgemesh_local.console import Console
from edgemesh_local.layout import Layout


async def test_the_second_waits_for_the_first_and_says_so(
    layout: Layout, console: Console, tmp_path: Path
) -> None:
    order: list[str] = []
    inside, leave = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with building(layout.cache, console):
            inside.set()
            await leave.wait()
            order.append("first")

    async def second() -> None:
        await inside.wait()
        async with building(layout.cache, console):
            order.append("second")

    tasks = [asyncio.create_task(first()), asyncio.create_task(second())]
    while "waiting for it" not in (tmp_path / "console").read_text():
        await asyncio.sleep(0.01)
    leave.set()
    await asyncio.gather(*tasks)
    assert order == ["first", "second"]


async def test_a_failed_build_lets_go(layout: Layout, console: Console) -> None:
    try:
        async with building(layout.cache, console):
            raise RuntimeError
    except RuntimeError:
        pass
    async with asyncio.timeout(5), building(layout.cache, console):
        pass

"""A gateway whose own database has nothing that waits lets it rest, and hears of what comes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_executor import FakeExecutor
from house import eventually, house
from test_jobs import Desk, state

from edgemesh_gateway.jobs import runner
from edgemesh_gateway.schedules import timetable
from edgemesh_gateway.store import Database, JobStore
from edgemesh_gateway.store.calm import LONGEST_S, Calm
from edgemesh_gateway.webhooks import sender


class Books:
    """A database that counts what is written."""

    def __init__(self, *, shared: bool) -> None:
        self.shared, self.writes = shared, 7


def test_it_holds_until_something_is_written() -> None:
    books = Books(shared=False)
    calm = Calm(books)
    assert not calm.holds
    calm.end(calm.begin(), 0)
    assert calm.holds
    books.writes += 1
    assert not calm.holds
    begun = calm.begin()
    books.writes += 1  # while it looked
    calm.end(begun, 0)
    assert not calm.holds
    calm.end(calm.begin(), 1)
    assert not calm.holds


def test_it_ends_by_itself() -> None:
    calm = Calm(Books(shared=False))
    calm.end(calm.begin(), 0)
    assert calm.holds
    calm._until -= LONGEST_S  # pyright: ignore[reportPrivateUsage]
    assert not calm.holds


def test_it_never_holds_where_others_write() -> None:
    calm = Calm(Books(shared=True))
    calm.end(calm.begin(), 0)
    assert not calm.holds


async def test_looking_writes_nothing_and_writing_is_counted(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/db")
    store = JobStore(database, 10)
    before = database.writes
    assert (await store.standing()).queued == 0
    await store.sweep("nobody", 1, None, b"", b"")
    assert database.writes == before
    assert store.calm.holds
    await store.sweep("nobody", 1, 2, b"", b"")  # a lease
    assert database.writes == before + 1
    assert not store.calm.holds
    database.close()


async def test_a_gateway_with_nothing_to_do_leaves_its_database_alone(
    fake: FakeExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (runner, sender, timetable):
        monkeypatch.setattr(module, "POLL_S", 0.01)
    looks = quiet_looks = 0
    claim = runner.Runner._claim  # pyright: ignore[reportPrivateUsage]
    transact = Database._transact  # pyright: ignore[reportPrivateUsage]

    async def looking(self: Any) -> bool:
        nonlocal looks
        looks += 1
        return await claim(self)

    def transacting(self: Any, work: Any) -> Any:
        nonlocal quiet_looks
        quiet_looks = looks
        return transact(self, work)

    monkeypatch.setattr(runner.Runner, "_claim", looking)
    monkeypatch.setattr(Database, "_transact", transacting)
    async with house({"fake": fake.port}) as gate:
        desk = Desk(gate)
        for _ in range(2):  # it is woken from its rest, too
            assert state(await desk.ended(await desk.submit("echo"))) == "SUCCEEDED"
            await eventually(lambda: looks - quiet_looks > 30)

"""The loop on a thread of its own, when its callers are interrupted or it is closed."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from types import FrameType

import pytest

from edgemesh_client.errors import ClientClosed
from edgemesh_client.portal import Portal


@pytest.fixture
def portal() -> Iterator[Portal]:
    portal = Portal()
    yield portal
    portal.close()


def interrupted(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def test_an_interrupt_of_a_stream_is_raised_and_ends_it(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, ended = threading.Event(), list[str]()

    async def items() -> AsyncIterator[int]:
        try:
            waits.set()
            await asyncio.sleep(3600)
            yield 1
        finally:
            await asyncio.sleep(0.05)  # as one that tells the mesh
            ended.append("in its own time")

    before = signal.signal(signal.SIGALRM, interrupted)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            next(portal.each(items()))
    finally:
        signal.signal(signal.SIGALRM, before)
    assert waits.is_set()
    assert ended == ["in its own time"]


def test_who_waits_while_it_is_closed_is_told(portal: Portal) -> None:
    waits, told = threading.Event(), list[BaseException]()

    async def work() -> None:
        waits.set()
        await asyncio.sleep(3600)

    def wait() -> None:
        try:
            portal.run(work())
        except BaseException as error:
            told.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    waits.wait()
    portal.close()
    thread.join()
    assert [type(error) for error in told] == [ClientClosed]
    with pytest.raises(ClientClosed):
        portal.run(work())

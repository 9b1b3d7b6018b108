"""The loop on a thread of its own, when its callers are interrupted or it is closed."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
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


def test_an_interrupt_of_a_stream_is_raised_and_ends_it(portal: Portal) -> None:
    waits, ended = threading.Event(), list[str]()

    async def items() -> AsyncIterator[int]:
        try:
            waits.set()
            await asyncio.sleep(3600)
            yield 1
        finally:
            await asyncio.sleep(0.05)  # as one that tells the mesh
            ended.append("in its own time")

    def interrupt() -> None:
        waits.wait()
        os.kill(os.getpid(), signal.SIGALRM)

    before = signal.signal(signal.SIGALRM, interrupted)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            next(portal.each(items()))
    finally:
        signal.signal(signal.SIGALRM, before)
        thread.join()
    assert ended == ["in its own time"]


def ends_while_it_is_closed(begin: Callable[[Portal, threading.Event], object]) -> BaseException:
    """What a thread is told that is in `begin` when another one closes the portal."""
    portal, waits, told = Portal(), threading.Event(), list[BaseException]()

    def wait() -> None:
        try:
            begin(portal, waits)
        except BaseException as error:
            told.append(error)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    waits.wait()
    portal.close()
    thread.join(20)
    assert told, "it waits for ever"
    return told[0]


def test_who_waits_while_it_is_closed_is_told() -> None:
    async def work(waits: threading.Event) -> None:
        waits.set()
        await asyncio.sleep(3600)

    def call(portal: Portal, waits: threading.Event) -> None:
        portal.run(work(waits))

    assert isinstance(ends_while_it_is_closed(call), ClientClosed)


def test_who_reads_a_stream_while_it_is_closed_is_told() -> None:
    async def items(waits: threading.Event) -> AsyncIterator[int]:
        waits.set()
        await asyncio.sleep(3600)
        yield 1

    def read(portal: Portal, waits: threading.Event) -> None:
        list(portal.each(items(waits)))

    for _ in range(40):  # of what the loop did in its last moments some were lost
        assert isinstance(ends_while_it_is_closed(read), ClientClosed)


def test_nothing_begins_after_its_end(portal: Portal) -> None:
    portal.close()
    portal.close()
    with pytest.raises(ClientClosed):
        portal.run(asyncio.sleep(0))

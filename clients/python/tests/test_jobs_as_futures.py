"""Jobs as futures: work that goes on though nobody waits."""

from __future__ import annotations

import asyncio
from concurrent.futures import as_completed

import pytest

from edgemesh_client import (
    AsyncClient,
    Client,
    DeadlineExceeded,
    JobState,
    MeshError,
    Moved,
    ProgramRaised,
)

pytestmark = pytest.mark.needs("pywasm")


def test_a_job_is_handed_in_and_its_result_is_had_later(client: Client) -> None:
    job = client.submit("python.run", code="6 * 7")  # on disk when this returns

    assert job.result(timeout=30).value == 42
    assert job.done()

    # Anyone who knows its id has it, from another process or tomorrow.
    again = client.job(job.id)
    assert again.info.state is JobState.SUCCEEDED
    assert again.result(timeout=30).value == 42


def test_many_are_waited_for_together(client: Client) -> None:
    futures = {client.submit("python.run", code=f"{n} ** 2").future(): n for n in range(4)}
    squares = {futures[done]: done.result().value for done in as_completed(futures, timeout=60)}
    assert squares == {0: 0, 1: 1, 2: 4, 3: 9}


def test_events_are_told_from_the_beginning(client: Client) -> None:
    job = client.submit("python.run", code="print('working')")
    events = list(job.events())
    states = [event.state for event in events if isinstance(event, Moved)]
    assert states == [JobState.QUEUED, JobState.RUNNING, JobState.SUCCEEDED]
    assert "working\n" in [str(event) for event in events]


def test_waiting_has_an_end_and_so_has_a_job(client: Client) -> None:
    job = client.submit("python.run", code="while True: pass")
    with pytest.raises(DeadlineExceeded, match=r"the job is \w+ after 0.05 s"):
        job.wait(timeout=0.05)
    job.cancel()
    with pytest.raises(MeshError) as ended:
        job.result(timeout=30)
    assert ended.value.code == "CANCELLED"
    assert job.wait(30).state is JobState.CANCELLED


def test_a_failure_is_raised_where_the_result_is_asked_for(client: Client) -> None:
    job = client.submit("python.run", code="1 / 0")
    with pytest.raises(ProgramRaised, match="ZeroDivisionError"):
        job.result(timeout=30)
    with pytest.raises(ProgramRaised, match="ZeroDivisionError"):
        job.future().result(timeout=30)
    assert not job.result(timeout=30, check=False).ok


def test_a_name_makes_it_one_job_however_often_it_is_handed_in(client: Client) -> None:
    first = client.submit("python.run", code="1", request_id="only-once")
    assert client.submit("python.run", code="1", request_id="only-once").id == first.id


async def test_the_same_for_asyncio(aclient: AsyncClient) -> None:
    job = await aclient.submit("python.run", code="6 * 7")
    assert (await job).value == 42
    tasks = [(await aclient.submit("python.run", code=f"{n}")).future() for n in range(3)]
    assert [result.value for result in await asyncio.gather(*tasks)] == [0, 1, 2]

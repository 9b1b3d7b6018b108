"""Memory of others: read and written in place, dropped when it closes, no danger to the front."""

import os
import signal
from pathlib import Path

import pytest
from pools import Bench

from mesh_service.pool import Place, Region, Verdict

SIZE = 3 << 20


def made(size: int = SIZE) -> Region:
    return Region(os.memfd_create("theirs"), size)


@pytest.fixture
def region() -> Region:
    region = made()
    os.truncate(region.fd, SIZE)
    return region


async def test_places_are_read_and_written_in_place(bench: Bench, region: Region) -> None:
    os.pwrite(region.fd, b"0123456789", 1 << 20)
    source, target = Place(region, 1 << 20, 10), Place(region, 32, 10)
    done, header, buffers = await bench.do(
        "reverse_into_place", b"before", source, limits={"places": [target]}
    )
    assert done.verdict is Verdict.DONE
    assert (header, buffers) == (b"before", [])
    assert os.pread(region.fd, 10, 32) == b"9876543210"
    assert region.calls == 0


async def test_a_part_of_a_region_in_a_reply_is_copied(bench: Bench, region: Region) -> None:
    os.pwrite(region.fd, b"x" * 200_000, 0)
    _, _, buffers = await bench.do("echo", Place(region, 0, 200_000), b"y" * 100_000)
    assert buffers == [b"x" * 200_000, b"y" * 100_000]


async def test_a_closed_region_is_unmapped(bench: Bench, region: Region) -> None:
    done, _, _ = await bench.do("echo", Place(region, 0, 4))
    maps = Path(f"/proc/{done.worker_pid}/maps")
    assert "theirs" in maps.read_text()
    region.close()
    await bench.do("echo")
    assert "theirs" not in maps.read_text()
    assert not region.whole


async def test_a_region_closes_when_its_calls_have_ended(region: Region) -> None:
    region.enter()
    region.close()
    assert region.whole
    region.leave()
    assert not region.whole
    region.close()


async def test_memory_that_shrinks_costs_one_worker(bench: Bench, region: Region) -> None:
    await bench.do("echo", Place(region, 0, 4))
    os.truncate(region.fd, 4096)
    assert not region.whole
    done, _, _ = await bench.do("echo", Place(region, 1 << 20, 4))
    assert (done.verdict, done.signal) == (Verdict.CRASH, signal.SIGBUS)
    # One that did not map it before cannot any more.
    done, _, _ = await bench.do("echo", Place(region, 1 << 20, 4))
    assert (done.verdict, done.started) == (Verdict.CRASH, True)
    done, _, _ = await bench.do("echo")
    assert done.verdict is Verdict.DONE

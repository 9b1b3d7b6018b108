"""A snapshot is all of a Python; its bytes are a stranger's; a call on it costs as others do."""

from __future__ import annotations

import dataclasses
import hashlib
import struct
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgemesh_sandbox import (
    Call,
    InputError,
    Limits,
    Outcome,
    ProgramFailed,
    Sandbox,
    Snapshot,
    SnapshotError,
    pages,
)
from edgemesh_sandbox.base import merged
from edgemesh_sandbox.built import Built
from edgemesh_sandbox.wasi import World

SETUP = """
import random, numpy as np
random.seed(1)
TABLE = np.arange(3_000_000)
open('/tmp/note', 'w').write('set up')
reading = open('/tmp/note')
reading.read(4)
def numbers():
    yield from range(10)
running = numbers()
next(running)
def f(n):
    global last
    last = n
    return int(TABLE[n])
"""
PAGE = pages.PAGE_BYTES


@pytest.fixture(scope="module")
def alone(built: Built, images: Path) -> Iterator[Sandbox]:
    with Sandbox(images, spare=False) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def ready(alone: Sandbox) -> Snapshot:
    return alone.snapshot(SETUP + "print('set up')")


@pytest.fixture(scope="module")
def data(ready: Snapshot) -> bytes:
    few = dataclasses.replace(
        ready,
        runs=ready.runs[:2],
        pages=b"".join(bytes(part) for _, part in list(ready.parts())[:2]),
    )
    return few.to_bytes()


def test_a_program_goes_on_where_a_snapshot_was_taken(alone: Sandbox, ready: Snapshot) -> None:
    program = "output = [f(7), next(running), reading.read(), 'last' in globals()]"
    for _ in range(3):
        assert alone.run(program, on=ready).result == [7, 1, "up", True]
        assert alone.run("'last' in globals()", on=ready).result is False
        assert alone.run("print('one')", on=ready).stdout == "one\n"
        assert alone.run("'f' in globals()").result is False
        alone.prepare()
    assert alone.run("", on=ready, call=Call("f", [5])).result == 5


def test_what_a_call_did_is_not_in_the_next(alone: Sandbox, ready: Snapshot) -> None:
    alone.run("TABLE[:] = 0; open('/tmp/note', 'w').write('gone'); del f", on=ready)
    alone.prepare()
    program = "[int(TABLE[9]), open('/tmp/note').read(), f(3)]"
    assert alone.run(program, on=ready).result == [9, "set up", 3]
    ended = alone.run("while True: pass", on=ready, limits=Limits(run_time_ms=50))
    assert ended.outcome is Outcome.TIMEOUT
    assert alone.run(program, on=ready).result == [9, "set up", 3]


def test_arrays_cross_in_every_call_on_it(alone: Sandbox) -> None:
    # A restored instance has none of the buffers that the call before was lent.
    ready = alone.snapshot("kept = list(range(1000))\ndef f(x, y): return [x * 2, y, sum(kept)]")
    for size in (3, 3, 1000, 3, 100_000, 1000, 3):
        x, y = np.arange(size, dtype=float), np.arange(size % 7 + 1)
        for _ in range(2):
            result = alone.run("", on=ready, call=Call("f", [x, y]))
            assert result.outcome is Outcome.OK, result.failure
            doubled, same, total = result.value
            assert (doubled == x * 2).all()
            assert (same == y).all()
            assert total == sum(range(1000))


def test_random_numbers_are_fresh_in_each_call(alone: Sandbox, ready: Snapshot) -> None:
    drawn = {
        tuple(alone.run("[random.random(), float(np.random.rand())]", on=ready).result)
        for _ in range(4)
    }
    assert len(drawn) == 4


def test_clocks_go_on(alone: Sandbox) -> None:
    taken = alone.snapshot(
        "import time\nm, w, p = time.monotonic(), time.time(), time.process_time()"
    )
    program = "[time.monotonic() - m, time.time() - w, time.process_time() - p]"
    for _ in range(2):
        apart = alone.run(program, on=taken).result
        assert all(0 <= each < 60 for each in apart)
        assert abs(apart[0] - apart[1]) < 0.5


def test_a_deterministic_one_is_the_same_each_time(alone: Sandbox) -> None:
    code = "import random, time, os\nx = [random.random(), time.time(), os.urandom(4).hex()]"
    first, second = (alone.snapshot(code, deterministic=True) for _ in range(2))
    assert first.to_bytes() == second.to_bytes()
    program = "x + [random.random(), time.time()]"
    one = alone.run(program, on=first, deterministic=True).result
    assert one == alone.run(program, on=second, deterministic=True).result
    with pytest.raises(InputError, match="deterministic"):
        alone.run(program, on=first)


def test_set_up_that_fails_says_how(alone: Sandbox) -> None:
    with pytest.raises(ProgramFailed, match="ZeroDivisionError") as caught:
        alone.snapshot("x = 1\n1 / 0", file="tool.py")
    failure = caught.value.result.failure
    assert failure is not None
    assert 'File "tool.py", line 2' in failure.traceback


def test_one_lies_over_another(alone: Sandbox, ready: Snapshot) -> None:
    further = alone.snapshot("g = f(4) + next(running)", on=ready)
    assert alone.run("[g, next(running), f(2)]", on=further).result == [5, 2, 2]
    assert alone.run("'g' in globals()", on=ready).result is False


def test_memory_that_has_grown_is_in_it_and_counts_apart(alone: Sandbox, ready: Snapshot) -> None:
    assert ready.memory_bytes > alone.snapshot("").memory_bytes
    small = Limits(memory_bytes=8 << 20)
    assert alone.run("f(2_999_999)", on=ready, limits=small).result == 2_999_999
    grown = alone.run("x = np.ones(20_000_000)", on=ready, limits=small)
    assert grown.outcome is Outcome.MEMORY_LIMIT


def test_it_crosses_as_bytes(alone: Sandbox, ready: Snapshot) -> None:
    for compress in (False, True):
        data = ready.to_bytes(compress=compress)
        back = Snapshot.from_bytes(data, image=alone.image)
        assert back == ready
        assert back.digest == ready.digest
    assert alone.run("f(8)", on=back).result == 8


@pytest.mark.skipif(not pages.supported(), reason="the kernel tells no private pages")
def test_pages_are_compared_where_nothing_tells_them(
    built: Built, images: Path, ready: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "supported", lambda: False)
    with Sandbox(images, spare=False) as sandbox:
        taken = sandbox.snapshot(SETUP)
        assert abs(len(taken.pages) - len(ready.pages)) < 64 * PAGE
        for _ in range(2):
            assert sandbox.run("[f(7), next(running)]", on=taken).result == [7, 1]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 1 << 30), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused(data: bytes, place: int, bit: int) -> None:
    damaged = bytearray(data)
    damaged[place % len(data)] ^= 1 << bit
    with pytest.raises(SnapshotError):
        Snapshot.from_bytes(damaged)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(length=st.integers(0, 1 << 30), more=st.binary(max_size=100))
def test_what_is_cut_or_longer_is_refused(data: bytes, length: int, more: bytes) -> None:
    cut = data[: length % len(data)] + more
    if cut != data:
        with pytest.raises(SnapshotError):
            Snapshot.from_bytes(cut)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(st.tuples(st.integers(8, 94), st.integers(0, 255)), min_size=1, max_size=6))
def test_forged_headers_are_refused_or_fit(data: bytes, edits: list[tuple[int, int]]) -> None:
    """With a right checksum: nothing but the checks of lengths stands between."""
    forged = bytearray(data[:-32])
    for at, value in edits:
        forged[at] = value
    forged += hashlib.sha256(forged).digest()
    try:
        found = Snapshot.from_bytes(forged)
    except SnapshotError:
        return
    assert sum(end - begin for begin, end in found.runs) == len(found.pages)
    assert all(end <= found.memory_bytes for _, end in found.runs)


@given(body=st.binary(max_size=2000))
def test_any_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(SnapshotError):
        Snapshot.from_bytes(body)
    with pytest.raises(SnapshotError):
        Snapshot.from_bytes(b"EMSNAP\r\n" + body)


def test_a_packed_bomb_is_not_unpacked(ready: Snapshot) -> None:
    whole = dataclasses.replace(ready, pages=b"", runs=(), files=bytes(200 << 20))
    packed = whole.to_bytes(compress=True)[:-32]
    forged = bytearray(packed)
    struct.pack_into("<Q", forged, 8 + 2 + 2 + 32 + 8 + 4 + 4, 10)  # files: 10 bytes
    forged += hashlib.sha256(forged).digest()
    with pytest.raises(SnapshotError, match="when unpacked"):
        Snapshot.from_bytes(forged)


def test_other_versions_and_images_say_what_was_expected(alone: Sandbox, ready: Snapshot) -> None:
    newer = bytearray(ready.to_bytes())
    newer[8] = 2
    with pytest.raises(SnapshotError) as caught:
        Snapshot.from_bytes(newer)
    assert (caught.value.field, caught.value.expected, caught.value.found) == ("version", "1", "2")
    other = dataclasses.replace(ready, image="ab" * 32)
    with pytest.raises(SnapshotError, match="image: expected"):
        Snapshot.from_bytes(other.to_bytes(), image=alone.image)
    with pytest.raises(SnapshotError, match="image: expected"):
        alone.run("", on=other)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), max_size=5))
def test_forged_files_are_refused_or_a_world(ready: Snapshot, edits: list[tuple[int, int]]) -> None:
    forged = bytearray(ready.files)
    for at, value in edits:
        forged[at % len(forged)] = value
    try:
        world = World.again(dataclasses.replace(ready, files=bytes(forged)).state)
    except SnapshotError:
        return
    world.state()
    world.outputs()


@given(
    pages_at=st.lists(st.integers(0, 5000), min_size=1, max_size=80, unique=True),
    most=st.integers(1, 20),
)
def test_runs_are_merged_over_the_smallest_gaps(pages_at: list[int], most: int) -> None:
    runs = tuple(pages.joined(sorted(page * PAGE for page in pages_at)))
    found = merged(runs, most)
    assert len(found) <= most
    assert all(any(a <= begin and end <= b for a, b in found) for begin, end in runs)
    assert all(b < a for (_, b), (a, _) in pairwise(found))

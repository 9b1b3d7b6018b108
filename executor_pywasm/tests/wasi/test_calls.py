"""What a guest asks of its host may be nonsense: it gets an error number, never an exception."""

from __future__ import annotations

import struct
import time

import pytest
import wasmtime
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wasi_guest import Guest

from edgemesh_sandbox import Outcome, Sandbox
from edgemesh_sandbox.wasi import World
from edgemesh_sandbox.wasi.clocks import FIXED_START, RUN_UPTIME
from edgemesh_sandbox.wasi.errors import Errno

SUCCESS, BADF, FAULT, INVAL = Errno.SUCCESS, Errno.BADF, Errno.FAULT, Errno.INVAL
IN, OUT, FOUND = 1024, 8192, 65536
CLOCK, FD_READ, FD_WRITE = 0, 1, 2
LONG_NS = 10**15  # longer than any test may last


def clock(userdata: int, clock_id: int, nanoseconds: int, *, absolute: bool = False) -> bytes:
    return struct.pack("<QB7xI4xQQH6x", userdata, CLOCK, clock_id, nanoseconds, 0, int(absolute))


def descriptor(userdata: int, kind: int, fd: int) -> bytes:
    return struct.pack("<QB7xI28x", userdata, kind, fd)


def now(guest: Guest, clock_id: int) -> int:
    assert guest("clock_time_get", clock_id, 0, FOUND) == SUCCESS
    return struct.unpack("<Q", guest.memory.view(FOUND, 8))[0]


@pytest.mark.parametrize("clock_id", [0, 1])
@pytest.mark.parametrize("absolute", [False, True])
def test_a_sleep_ends_when_its_clock_says(guest: Guest, clock_id: int, absolute: bool) -> None:
    began = time.monotonic()
    base = now(guest, clock_id) if absolute else 0
    found = guest.poll(clock(7, clock_id, base + 50_000_000, absolute=absolute))
    assert found == (SUCCESS, [(7, SUCCESS, CLOCK)])
    assert time.monotonic() - began >= 0.045


def test_of_several_sleeps_the_first_ends_the_wait(guest: Guest) -> None:
    found = guest.poll(clock(1, 1, LONG_NS), clock(2, 1, 10**7))
    assert found == (SUCCESS, [(2, SUCCESS, CLOCK)])


def test_on_fixed_clocks_a_sleep_only_counts(guest: Guest) -> None:
    guest.world = World(deterministic=True)
    first = now(guest, 1)
    assert guest.poll(clock(1, 0, 10**15))[1] == [(1, SUCCESS, CLOCK)]
    assert now(guest, 1) - first == 10**15 + 1000
    assert (first - RUN_UPTIME, now(guest, 0) - FIXED_START) == (1000, 10**15 + 3000)


def test_descriptors_are_ready_or_wrong_at_once(guest: Guest) -> None:
    _, file = guest.open("inputs/a.csv")
    error, events = guest.poll(
        clock(1, 1, 15 * 10**9),
        descriptor(2, FD_READ, 0),
        descriptor(3, FD_WRITE, 1),
        descriptor(4, FD_READ, 1),
        descriptor(5, FD_WRITE, 99),
        descriptor(6, FD_READ, file),
    )
    assert error == SUCCESS
    assert events == [
        (2, SUCCESS, FD_READ),
        (3, SUCCESS, FD_WRITE),
        (4, BADF, FD_READ),
        (5, BADF, FD_WRITE),
        (6, SUCCESS, FD_READ),
    ]


def test_a_run_that_is_to_stop_is_trapped_and_does_not_sleep(guest: Guest) -> None:
    guest.watch.stopped = Outcome.CANCELLED
    with pytest.raises(wasmtime.WasmtimeError):
        guest.poll(clock(1, 1, LONG_NS))


def test_an_exit_ends_the_run_with_its_status(guest: Guest) -> None:
    with pytest.raises(wasmtime.WasmtimeError):
        guest("proc_exit", 7)
    assert (guest.world.exit_status, guest.watch.stopped) == (7, None)


def test_an_error_of_the_hosts_is_kept_for_after_the_run(guest: Guest) -> None:
    class Broken(Exception):
        pass

    def draw(_count: int) -> bytes:
        raise Broken

    guest.world.entropy = draw
    with pytest.raises(wasmtime.WasmtimeError):
        guest("random_get", OUT, 8)
    assert isinstance(guest.watch.error, Broken)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((IN, OUT, 0, FOUND), INVAL),
        ((IN, OUT, 1025, FOUND), INVAL),
        ((131072 - 8, OUT, 1, FOUND), FAULT),
        ((IN, 2**32 - 4, 1, FOUND), FAULT),
        ((IN, OUT, 1, 131072 - 2), FAULT),
        ((2**32 - 1, 2**32 - 1, 2**32 - 1, 2**32 - 1), INVAL),
    ],
)
def test_a_poll_out_of_bounds_is_refused(
    guest: Guest, arguments: tuple[int, ...], error: int
) -> None:
    guest.memory.write(IN, clock(1, 1, 0))
    assert guest("poll_oneoff", *arguments) == error


def test_an_unknown_subscription_is_refused(guest: Guest) -> None:
    assert guest.poll(descriptor(1, 9, 0))[0] == INVAL


def test_writes_are_gathered_and_counted(guest: Guest) -> None:
    guest.memory.write(IN, struct.pack("<IIII", OUT, 3, OUT + 3, 2))
    guest.memory.write(OUT, b"abcde")
    assert guest("fd_write", 1, IN, 2, FOUND) == SUCCESS
    assert guest.memory.word(FOUND) == 5
    assert guest("fd_write", 2, IN, 1, FOUND) == SUCCESS
    assert (guest.output.text(0), guest.output.text(1)) == ("abcde", "abc")


def test_writes_elsewhere_or_beyond_are_refused(guest: Guest) -> None:
    guest.memory.write(IN, struct.pack("<II", 2**32 - 1, 2**31))
    assert guest("fd_write", 9, IN, 1, FOUND) == BADF
    assert guest("fd_write", 1, IN, 1, FOUND) == FAULT
    assert guest("fd_write", 1, IN, 2**31, FOUND) == INVAL
    assert guest.output.text(0) == ""


def test_random_bytes_are_fresh_or_fixed(guest: Guest) -> None:
    def draw(world: World) -> bytes:
        guest.world = world
        assert guest("random_get", OUT, 64) == SUCCESS
        return bytes(guest.memory.view(OUT, 64))

    assert draw(World()) != draw(World())
    fixed = World(deterministic=True)
    first, second = draw(fixed), draw(fixed)
    assert first != second
    assert first == draw(World(deterministic=True))
    assert guest("random_get", OUT, 2**32 - 1) == FAULT


_NUMBERS = st.integers(0, 2**64 - 1) | st.integers(0, 140_000) | st.integers(0, 8)


@settings(
    max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), arguments=st.lists(_NUMBERS, min_size=9, max_size=9))
def test_any_arguments_get_a_number(
    guest: Guest, data: st.DataObject, arguments: list[int]
) -> None:
    name = data.draw(st.sampled_from(guest.names))
    guest.memory.write(0, b"tmp/x\0../y" * 20)
    assert guest(name, *arguments[: guest.count(name)]) in set(Errno)
    assert guest.watch.error is None


def test_programs_poll_their_streams(sandbox: Sandbox) -> None:
    code = """
import select
output = [select.select([0], [1], [], 9), select.select([], [], [], 0.01)]
"""
    assert sandbox.run(code).result == [([0], [1], []), ([], [], [])]

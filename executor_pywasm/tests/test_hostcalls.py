"""What a guest asks of its host may be nonsense: it gets an error number, never an exception."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest
import wasmtime
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgemesh_sandbox import Outcome, Sandbox, hostcalls
from edgemesh_sandbox.guest import layout
from edgemesh_sandbox.memory import GuestMemory
from edgemesh_sandbox.output import Output
from edgemesh_sandbox.watch import Watch

GUEST = """
(module
  (import "host" "call" (func $call (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (export "call" (func $call))
  (export "fd_write" (func $write))
  (export "poll_oneoff" (func $poll)))
"""
OK, EBADF, EFAULT, EINVAL = 0, 8, 21, 28
IN, OUT, FOUND = 4096, 8192, 12288
CLOCK, FD_READ, FD_WRITE = 0, 1, 2


class Guest:
    """A guest of three functions, and what the host knows of its run."""

    def __init__(self) -> None:
        engine = wasmtime.Engine()
        self.store = wasmtime.Store(engine)
        self.store.set_wasi(wasmtime.WasiConfig())
        module = wasmtime.Module(engine, GUEST)
        linker = wasmtime.Linker(engine)
        hostcalls.define(linker, module)
        self._exports = linker.instantiate(self.store, module).exports(self.store)
        memory = cast(wasmtime.Memory, self._exports["memory"])
        self.memory = GuestMemory(self.store, memory)
        self.clock_origin = time.monotonic()
        self.output = Output(memoryview(bytearray(layout.BLOCK_BYTES)), 1000, None)
        self.watch = Watch(time.monotonic() + 20, None, self.output, False)

    def __call__(self, name: str, *arguments: int) -> int:
        hostcalls.enter(self)
        try:
            function: Any = self._exports[name]
            return function(self.store, *(a - (a >> 31 << 32) for a in arguments))
        finally:
            hostcalls.enter(None)

    def poll(self, *subscriptions: bytes) -> tuple[int, list[tuple[int, int, int]]]:
        """The error, and of each event: userdata, error, type."""
        self.memory.write(IN, b"".join(subscriptions))
        error = self("poll_oneoff", IN, OUT, len(subscriptions), FOUND)
        count = self.memory.word(FOUND)
        events = bytes(self.memory.view(OUT, 32 * count))
        return error, [e[:3] for e in struct.iter_unpack("<QHB21x", events)]


@pytest.fixture
def guest() -> Iterator[Guest]:
    guest = Guest()
    yield guest
    guest.store.close()


def clock(userdata: int, clock_id: int, seconds: float, *, absolute: bool = False) -> bytes:
    return struct.pack(
        "<QB7xI4xQQH6x", userdata, CLOCK, clock_id, int(seconds * 1e9), 0, int(absolute)
    )


def descriptor(userdata: int, kind: int, fd: int) -> bytes:
    return struct.pack("<QB7xI28x", userdata, kind, fd)


@pytest.mark.parametrize("clock_id", [0, 1])
@pytest.mark.parametrize("absolute", [False, True])
def test_a_sleep_ends_when_its_clock_says(guest: Guest, clock_id: int, absolute: bool) -> None:
    began = time.monotonic()
    base = (time.time(), began - guest.clock_origin)[clock_id] if absolute else 0
    found = guest.poll(clock(7, clock_id, base + 0.05, absolute=absolute))
    assert found == (OK, [(7, OK, CLOCK)])
    assert 0.045 <= time.monotonic() - began < 2


def test_of_several_sleeps_the_first_ends_the_wait(guest: Guest) -> None:
    began = time.monotonic()
    assert guest.poll(clock(1, 1, 15), clock(2, 1, 0.01)) == (OK, [(2, OK, CLOCK)])
    assert time.monotonic() - began < 5


def test_descriptors_are_ready_or_wrong_at_once(guest: Guest) -> None:
    error, events = guest.poll(
        clock(1, 1, 15),
        descriptor(2, FD_READ, 0),
        descriptor(3, FD_WRITE, 1),
        descriptor(4, FD_READ, 1),
        descriptor(5, FD_WRITE, 99),
    )
    assert error == OK
    assert events == [
        (2, OK, FD_READ),
        (3, OK, FD_WRITE),
        (4, EBADF, FD_READ),
        (5, EBADF, FD_WRITE),
    ]


def test_a_run_that_is_to_stop_does_not_sleep(guest: Guest) -> None:
    guest.watch.stopped = Outcome.CANCELLED
    began = time.monotonic()
    assert guest.poll(clock(1, 1, 15)) == (OK, [(1, OK, CLOCK)])
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((IN, OUT, 0, FOUND), EINVAL),
        ((IN, OUT, 1025, FOUND), EINVAL),
        ((131072 - 8, OUT, 1, FOUND), EFAULT),
        ((IN, 2**32 - 4, 1, FOUND), EFAULT),
        ((IN, OUT, 1, 131072 - 2), EFAULT),
        ((2**32 - 1, 2**32 - 1, 2**32 - 1, 2**32 - 1), EINVAL),
    ],
)
def test_a_poll_out_of_bounds_is_refused(
    guest: Guest, arguments: tuple[int, ...], error: int
) -> None:
    guest.memory.write(IN, clock(1, 1, 0))
    assert guest("poll_oneoff", *arguments) == error


def test_an_unknown_subscription_is_refused(guest: Guest) -> None:
    assert guest.poll(descriptor(1, 9, 0))[0] == EINVAL


def test_writes_are_gathered_and_counted(guest: Guest) -> None:
    guest.memory.write(IN, struct.pack("<IIII", OUT, 3, OUT + 3, 2))
    guest.memory.write(OUT, b"abcde")
    assert guest("fd_write", 1, IN, 2, FOUND) == OK
    assert guest.memory.word(FOUND) == 5
    assert guest("fd_write", 2, IN, 1, FOUND) == OK
    assert (guest.output.text(0), guest.output.text(1)) == ("abcde", "abc")


def test_writes_elsewhere_or_beyond_are_refused(guest: Guest) -> None:
    guest.memory.write(IN, struct.pack("<II", 2**32 - 1, 2**31))
    assert guest("fd_write", 3, IN, 1, FOUND) == EBADF
    assert guest("fd_write", 1, IN, 1, FOUND) == EFAULT
    assert guest("fd_write", 1, IN, 2**31, FOUND) == EINVAL
    assert guest.output.text(0) == ""


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["call", "fd_write"]),
    arguments=st.tuples(*[st.integers(0, 2**32 - 1) | st.integers(0, 140_000)] * 4),
)
def test_any_arguments_get_a_number(guest: Guest, name: str, arguments: tuple[int, ...]) -> None:
    assert guest(name, *arguments) in (OK, EBADF, EFAULT, EINVAL)


def test_programs_poll_their_streams(sandbox: Sandbox) -> None:
    code = """
import select
output = [select.select([0], [1], [], 9), select.select([], [], [], 0.01)]
"""
    assert sandbox.run(code).result == [[[0], [1], []], [[], [], []]]

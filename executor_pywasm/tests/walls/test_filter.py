"""The filter of system calls says what the policy says, on every machine that it is for."""

from __future__ import annotations

import errno
import os
import re
import struct
from pathlib import Path

import pytest

from edgemesh_executor_pywasm.walls import bpf, calls, kernel
from edgemesh_executor_pywasm.walls.numbers import MACHINE, NUMBERS
from edgemesh_executor_pywasm.walls.seccomp import policy

PID = 4711
EPERM, ENOSYS = bpf.error(errno.EPERM), bpf.error(errno.ENOSYS)
CREATE, WRITE, READ, DIRECTORY = os.O_CREAT, os.O_WRONLY, os.O_RDONLY, os.O_DIRECTORY


def answer(code: bytes, machine: int, number: int, *arguments: int) -> int:
    """Run a filter as the kernel does."""
    words = [a & (1 << 64) - 1 for a in (*arguments, 0, 0, 0, 0, 0, 0)[:6]]
    data = struct.pack("=iIQ6Q", number, machine, 0, *words)
    instructions = list(struct.iter_unpack("=HBBI", code))
    accumulator = at = 0
    while True:
        operation, if_true, if_false, constant = instructions[at]
        at += 1
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, constant)
        elif operation == 0x54:
            accumulator &= constant
        elif operation == 0x15:
            at += if_true if accumulator == constant else if_false
        elif operation == 0x06:
            return constant
        else:
            raise AssertionError(f"no such operation: {operation:#x}")


def ask(machine: str, name: str, *arguments: int) -> int:
    number = NUMBERS[machine][name]
    return answer(policy(machine, PID), MACHINE[machine], number, *arguments)


@pytest.mark.parametrize("machine", kernel.MACHINES)
def test_every_call_has_the_policys_answer(machine: str) -> None:
    code, numbers = policy(machine, PID), NUMBERS[machine]
    known = {numbers[name]: name for name in numbers}
    for number in range(600):
        name = known.get(number)
        found = answer(code, MACHINE[machine], number, *[0xFFFF_FFFF] * 6)
        if name in calls.ALLOWED:
            assert found == bpf.ALLOW, name
        elif name in calls.ABSENT:
            assert found == ENOSYS, name
        else:
            assert found == EPERM, name or number


@pytest.mark.parametrize("machine", kernel.MACHINES)
def test_another_machines_calls_end_the_process(machine: str) -> None:
    code = policy(machine, PID)
    for foreign in (0x4000_0003, 0x4000_0028, *set(MACHINE.values()) - {MACHINE[machine]}):
        assert answer(code, foreign, NUMBERS[machine]["read"]) == bpf.KILL
    x32 = 0x4000_0000
    assert answer(code, MACHINE[machine], x32 | NUMBERS[machine]["read"]) == EPERM


@pytest.mark.parametrize("machine", kernel.MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "allowed"),
    [
        ("openat", (-100, 0, READ), True),
        ("openat", (-100, 0, READ | os.O_CLOEXEC | DIRECTORY), True),
        ("openat", (-100, 0, WRITE), False),
        ("openat", (-100, 0, os.O_RDWR), False),
        ("openat", (-100, 0, READ | CREATE), False),
        ("openat", (-100, 0, READ | os.O_TRUNC), False),
        ("openat", (-100, 0, os.O_TMPFILE), False),
        ("openat", (-100, 0, READ | 1 << 32 | WRITE), False),
        ("clone", (0x3D0F00,), True),  # a thread of glibc
        ("clone", (0x7D0F00,), True),  # one of musl
        ("clone", (17,), False),  # fork
        ("clone", (0x4111,), False),  # vfork
        ("clone", (0x3D0F00 | 0x1000_0000,), False),
        ("clone", (0x3D0F00 | 0x2_0000,), False),
        ("tgkill", (PID, PID, 6), True),
        ("tgkill", (PID + 1, PID, 6), False),
        ("prlimit64", (0, 3), True),
        ("prlimit64", (PID, 3), True),
        ("prlimit64", (1, 3), False),
        ("prctl", (15,), True),
        ("prctl", (4, 1), False),
        ("prctl", (1, 0), False),
        ("prctl", (35,), False),
        ("ioctl", (3, 0x5401), True),
        ("ioctl", (3, 0xC0606610), True),
        ("ioctl", (3, 0x5412), False),  # TIOCSTI
        ("fcntl", (3, 1), True),
        ("fcntl", (3, 4, 0), False),  # F_SETFL
        ("fcntl", (3, 8, 1), False),  # F_SETOWN
        ("fcntl", (3, 6), False),  # F_SETLK
        ("sendto", (3, 0, 0, 0, 0, 0), True),
        ("sendto", (3, 0, 0, 0, 8, 16), False),
        ("sendto", (3, 0, 0, 0, 1 << 32, 16), False),
    ],
)
def test_some_calls_are_allowed_within_bounds(
    machine: str, name: str, arguments: tuple[int, ...], allowed: bool
) -> None:
    assert ask(machine, name, *arguments) == (bpf.ALLOW if allowed else EPERM)


@pytest.mark.parametrize("machine", kernel.MACHINES)
def test_numbers_are_one_calls_each(machine: str) -> None:
    numbers = NUMBERS[machine]
    assert len(set(numbers.values())) == len(numbers)
    named = {*calls.ALLOWED, *calls.ABSENT, *calls.checked(PID), "seccomp"}
    assert set(numbers) <= named
    assert len(set(calls.ALLOWED)) == len(calls.ALLOWED)
    older = {"access", "epoll_wait", "lstat", "open", "poll", "readlink", "select", "stat", "time"}
    assert named - set(numbers) == (older if machine == "aarch64" else set())


HEADER = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")


@pytest.mark.skipif(not HEADER.exists(), reason="the kernel's headers are not installed")
def test_numbers_are_those_of_the_headers() -> None:
    found = dict(re.findall(r"#define __NR_(\w+) (\d+)", HEADER.read_text()))
    ours = NUMBERS["x86_64"]
    assert {name: int(found[name]) for name in ours if name in found} == {
        name: number for name, number in ours.items() if name in found
    }
    assert len(set(ours) & set(found)) > 90

"""Calls about the process: arguments, environment, clocks, random bytes, its end; no sockets."""
# ruff: noqa: D103 - WASI names these functions and says what they do

from __future__ import annotations

import struct
from collections.abc import Sequence

from edgemesh_sandbox.wasi.calls import Running
from edgemesh_sandbox.wasi.descriptors import STREAMS
from edgemesh_sandbox.wasi.errors import Errno, ProgramExit, WasiError
from edgemesh_sandbox.wasi.layout import Clock

_RANDOM_AT_ONCE = 1 << 20
_RESOLUTION = 1_000


def args_get(run: Running, addresses: int, texts: int) -> int:
    return _put(run, run.world.arguments, addresses, texts)


def args_sizes_get(run: Running, count: int, nbytes: int) -> int:
    return _put_sizes(run, run.world.arguments, count, nbytes)


def environ_get(run: Running, addresses: int, texts: int) -> int:
    return _put(run, run.world.environment, addresses, texts)


def environ_sizes_get(run: Running, count: int, nbytes: int) -> int:
    return _put_sizes(run, run.world.environment, count, nbytes)


def clock_res_get(run: Running, clock: int, resolution: int) -> int:
    _clock(clock)
    run.memory.write(resolution, struct.pack("<Q", _RESOLUTION))
    return Errno.SUCCESS


def clock_time_get(run: Running, clock: int, _precision: int, moment: int) -> int:
    now = run.world.clock.read(_clock(clock))
    run.memory.write(moment, struct.pack("<Q", now & 0xFFFF_FFFF_FFFF_FFFF))
    return Errno.SUCCESS


def random_get(run: Running, address: int, count: int) -> int:
    run.memory.view(address, count)  # all of it must be there before any of it is drawn
    while count and not run.watch.should_stop():
        size = min(count, _RANDOM_AT_ONCE)
        run.memory.write(address, run.world.entropy(size))
        address, count = address + size, count - size
    return Errno.SUCCESS


def proc_exit(_run: Running, status: int) -> int:
    raise ProgramExit(status)


def sched_yield(_run: Running) -> int:
    return Errno.SUCCESS


def no_socket(run: Running, descriptor: int, *_: int) -> int:
    """Every call on a socket: there is none."""
    if descriptor not in STREAMS:
        run.world.descriptors.get(descriptor)
    raise WasiError(Errno.NOTSOCK)


def _clock(number: int) -> Clock:
    if number > Clock.THREAD_CPU:
        raise WasiError(Errno.INVAL)
    return Clock(number)


def _put(run: Running, texts: Sequence[bytes], addresses: int, at: int) -> int:
    places: list[int] = []
    for text in texts:
        places.append(at)
        run.memory.write(at, text + b"\0")
        at += len(text) + 1
    run.memory.write(addresses, struct.pack(f"<{len(places)}I", *places))
    return Errno.SUCCESS


def _put_sizes(run: Running, texts: Sequence[bytes], count: int, nbytes: int) -> int:
    run.memory.write(count, struct.pack("<I", len(texts)))
    run.memory.write(nbytes, struct.pack("<I", sum(len(text) + 1 for text in texts)))
    return Errno.SUCCESS

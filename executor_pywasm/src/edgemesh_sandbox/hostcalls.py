"""What a running guest can ask of its host, over what Wasmtime's own WASI gives it.

    host.call     empty the log
    poll_oneoff   sleep, in slices that see the deadline and the caller's wish
    fd_write      write to descriptors 1 and 2 past `sys.stdout`

Everything else is Wasmtime's WASI with nothing granted: clocks and random numbers, no folder, no
socket, no environment, an empty stdin. Rules: a host function never raises, because Wasmtime's
Python keeps a raised exception in a place that all stores share; it answers with an error number.
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable
from typing import Protocol, cast

import wasmtime

from edgemesh_sandbox.guest.layout import STDERR, STDOUT
from edgemesh_sandbox.memory import GuestMemory, OutOfBounds
from edgemesh_sandbox.output import Output
from edgemesh_sandbox.watch import Watch

_WASI = "wasi_snapshot_preview1"

# Error numbers and layouts of WASI preview 1 (witx: errno, subscription, event, ciovec).
_OK, _EBADF, _EFAULT, _EINVAL = 0, 8, 21, 28
_CLOCK, _FD_READ, _FD_WRITE = 0, 1, 2
_REALTIME, _MONOTONIC = 0, 1
_ABSOLUTE = 1
_HANGUP = 1
_SUBSCRIPTION = struct.Struct("<QB7xI4xQQH6x")  # userdata, tag, clock or fd, time, precision, flags
_EVENT = struct.Struct("<QHB5xQH6x")  # userdata, error, type, bytes, flags
_MOST_SUBSCRIPTIONS = 1024
_MOST_VECTORS = 1024
_DESCRIPTORS = {1: STDOUT, 2: STDERR}
_STDIN = 0


class Running(Protocol):
    """What is known of the run on this thread."""

    memory: GuestMemory
    clock_origin: float
    """When the guest's monotonic clock was 0, on `time.monotonic()`."""
    watch: Watch
    output: Output


_CURRENT = threading.local()


def enter(run: Running | None) -> None:
    """Say which run this thread's guest calls are about."""
    _CURRENT.run = run


def define(linker: wasmtime.Linker, module: wasmtime.Module) -> None:
    """Define all that `module` imports but its memory."""
    linker.define_wasi()
    linker.allow_shadowing = True
    types = {(i.module, i.name): i.type for i in module.imports}
    for place, function in _FUNCTIONS.items():
        kind = cast(wasmtime.FuncType, types[place])
        linker.define_func(place[0], cast(str, place[1]), kind, _guarded(function))


def _guarded(function: Callable[..., int]) -> Callable[..., int]:
    def call(*arguments: int) -> int:
        run: Running = _CURRENT.run
        try:
            return function(run, *(a & 0xFFFF_FFFF for a in arguments))
        except OutOfBounds:
            return _EFAULT
        except BaseException as error:  # see the rules above
            run.watch.fail(error)
            return _EINVAL

    return call


def _host_call(run: Running, _data: int, _size: int, reply: int, reply_size: int) -> int:
    run.output.empty_log()
    run.watch.should_stop()
    run.memory.write(reply, bytes(4))
    run.memory.write(reply_size, bytes(4))
    return 0


def _fd_write(run: Running, descriptor: int, vectors: int, count: int, written: int) -> int:
    stream = _DESCRIPTORS.get(descriptor)
    if stream is None:
        return _EBADF
    if count > _MOST_VECTORS:
        return _EINVAL
    total = 0
    for at in range(count):
        address, size = struct.unpack("<II", run.memory.view(vectors + 8 * at, 8))
        data = run.memory.view(address, size)
        run.output.write(stream, bytes(data[: run.output.room + 1]))
        total += size
    run.watch.should_stop()
    run.memory.write(written, struct.pack("<I", total))
    return _OK


def _poll_oneoff(run: Running, wanted: int, events: int, count: int, found: int) -> int:
    """Wait for the first of some moments; descriptors are ready or wrong at once."""
    if not 1 <= count <= _MOST_SUBSCRIPTIONS:
        return _EINVAL
    size = _SUBSCRIPTION.size
    raw = bytes(run.memory.view(wanted, size * count))
    ready: list[bytes] = []
    moments: list[tuple[float, int]] = []
    now = time.monotonic()
    for userdata, tag, subject, moment, _, flags in _SUBSCRIPTION.iter_unpack(raw):
        if tag == _CLOCK:
            moments.append((_moment(run, now, subject, moment, flags), userdata))
        elif tag == _FD_WRITE and subject in _DESCRIPTORS:
            ready.append(_EVENT.pack(userdata, _OK, tag, 4096, 0))
        elif tag == _FD_READ and subject == _STDIN:
            ready.append(_EVENT.pack(userdata, _OK, tag, 0, _HANGUP))
        elif tag in (_FD_READ, _FD_WRITE):
            ready.append(_EVENT.pack(userdata, _EBADF, tag, 0, 0))
        else:
            return _EINVAL
    if not ready:
        moments.sort()
        run.watch.sleep_until(moments[0][0])
        now = max(time.monotonic(), moments[0][0])  # also when the run is to stop before
    ready += [_EVENT.pack(userdata, _OK, _CLOCK, 0, 0) for at, userdata in moments if at <= now]
    run.memory.write(events, b"".join(ready))
    run.memory.write(found, struct.pack("<I", len(ready)))
    return _OK


def _moment(run: Running, now: float, clock: int, nanoseconds: int, flags: int) -> float:
    """When a clock's subscription is over, on `time.monotonic()`."""
    seconds = nanoseconds / 1e9
    if not flags & _ABSOLUTE:
        return now + seconds
    if clock == _REALTIME:
        return now + seconds - time.time()
    return run.clock_origin + seconds


_FUNCTIONS: dict[tuple[str, str | None], Callable[..., int]] = {
    ("host", "call"): _host_call,
    (_WASI, "fd_write"): _fd_write,
    (_WASI, "poll_oneoff"): _poll_oneoff,
}

"""`poll_oneoff`: waiting, in a way that sees the deadline and the caller's wish.

Rules: files and streams are ready at once, or wrong at once; only clocks are waited for.
"""

from __future__ import annotations

import struct

from edgemesh_sandbox.wasi.calls import Running
from edgemesh_sandbox.wasi.descriptors import STDIN, STREAMS
from edgemesh_sandbox.wasi.errors import Errno, WasiError
from edgemesh_sandbox.wasi.layout import EVENT, SUBSCRIPTION, Clock, Poll

_ABSOLUTE = 1
_HANGUP = 1
_WRITABLE_BYTES = 4096
_MOST_SUBSCRIPTIONS = 1024


def poll_oneoff(run: Running, wanted: int, events: int, count: int, found: int) -> int:
    """Wait for the first of some moments."""
    if not 1 <= count <= _MOST_SUBSCRIPTIONS:
        raise WasiError(Errno.INVAL)
    raw = bytes(run.memory.view(wanted, SUBSCRIPTION.size * count))
    run.memory.view(events, EVENT.size * count)
    ready: list[bytes] = []
    waits: list[tuple[int, int]] = []
    for userdata, tag, subject, moment, _, flags in SUBSCRIPTION.iter_unpack(raw):
        if tag == Poll.CLOCK:
            waits.append((_wait(run, subject, moment, flags), userdata))
        elif tag in (Poll.READ, Poll.WRITE):
            ready.append(_descriptor(run, userdata, tag, subject))
        else:
            raise WasiError(Errno.INVAL)
    over = 0
    if not ready:
        over = min(waits)[0]
        run.world.clock.sleep(run.watch, over)
    ready += [
        EVENT.pack(userdata, Errno.SUCCESS, Poll.CLOCK, 0, 0)
        for wait, userdata in waits
        if wait <= over
    ]
    run.memory.write(events, b"".join(ready))
    run.memory.write(found, struct.pack("<I", len(ready)))
    return Errno.SUCCESS


def _wait(run: Running, clock: int, moment: int, flags: int) -> int:
    if clock > Clock.THREAD_CPU:
        raise WasiError(Errno.INVAL)
    return run.world.clock.wait_for(Clock(clock), moment) if flags & _ABSOLUTE else moment


def _descriptor(run: Running, userdata: int, tag: int, descriptor: int) -> bytes:
    if descriptor in STREAMS:
        if (tag == Poll.READ) != (descriptor == STDIN):
            return EVENT.pack(userdata, Errno.BADF, tag, 0, 0)
        if tag == Poll.READ:
            return EVENT.pack(userdata, Errno.SUCCESS, tag, 0, _HANGUP)
        return EVENT.pack(userdata, Errno.SUCCESS, tag, _WRITABLE_BYTES, 0)
    try:
        node = run.world.descriptors.get(descriptor).node
    except WasiError as error:
        return EVENT.pack(userdata, error.errno, tag, 0, 0)
    size = node.size if tag == Poll.READ else _WRITABLE_BYTES
    return EVENT.pack(userdata, Errno.SUCCESS, tag, size, 0)

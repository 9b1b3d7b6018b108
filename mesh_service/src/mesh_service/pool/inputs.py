"""A call's inputs on their way to a worker: small in the frame, large in shared memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor

from .copying import arrange, as_bytes, copy_all
from .errors import PoolUnavailable
from .flight import Flight
from .frames import INLINE_BYTES, START_PREFIX, Part, pack_parts
from .region import Place
from .segments import Arena
from .spec import Buffer

_COPY_HERE = 1 << 20  # larger copies go to a thread: they would hold the loop for too long


async def prepare(flight: Flight, arena: Arena, copier: Executor) -> bytes:
    """Give the payload of START. Shared memory that it takes is the flight's.

    Raises PoolUnavailable when there is none left.
    """
    work = flight.work
    given = (*work.buffers, *work.places)
    parts = [work.header, *(as_bytes(one) for one in given if not isinstance(one, Place))]
    placed, need = arrange(parts, INLINE_BYTES)
    if need:
        await _fill(flight, arena, copier, parts, placed, need)
    if len(parts) <= len(given):
        placed = _join(given, placed, arena)
    terms = (work.run_time, work.reply_limit, work.event_limit, len(placed), len(work.places))
    return pack_parts(START_PREFIX.pack(*terms), placed)


def _join(
    given: Sequence[Buffer | Place], placed: Sequence[Part | Buffer], arena: Arena
) -> list[Part | Buffer]:
    """Put parts of regions among the others, and see that the worker has the regions."""
    rest = iter(placed)
    joined = [next(rest)]
    for one in given:
        if isinstance(one, Place):
            arena.show(one.region)
            joined.append(Part(one.region.id, one.offset, one.length))
        else:
            joined.append(next(rest))
    return joined


async def _fill(
    flight: Flight,
    arena: Arena,
    copier: Executor,
    parts: Sequence[Buffer],
    placed: list[Part | Buffer],
    need: int,
) -> None:
    try:
        segment = arena.take(need)
    except OSError as error:
        raise PoolUnavailable(f"no shared memory: {error}", 1.0) from error
    jobs: list[tuple[memoryview, Buffer]] = []
    for index, place in enumerate(placed):
        if isinstance(place, Part):
            jobs.append((segment.view(place.offset, place.length), parts[index]))
            placed[index] = Part(segment.id, place.offset, place.length)
    if need <= _COPY_HERE:
        flight.segments[segment.id] = segment
        for target, source in jobs:
            target[:] = source
        return
    copy = asyncio.get_running_loop().run_in_executor(copier, copy_all, jobs)
    try:
        await asyncio.shield(copy)
    except BaseException:
        # The thread may still write: only when it is done may the segment serve another call.
        copy.add_done_callback(lambda _: arena.give([segment]))
        raise
    flight.segments[segment.id] = segment

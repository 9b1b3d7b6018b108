"""One call inside a worker process, as its handler sees it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence

from .channel import Channel
from .copying import CACHE_LINE, arrange, as_bytes
from .frames import (
    INLINE_BYTES,
    MAX_EVENT,
    MAX_MESSAGE,
    MAX_PARTS,
    NEED,
    SEGMENT,
    START_PREFIX,
    TOKEN,
    Flag,
    Kind,
    Part,
    aligned,
    pack_parts,
)
from .handler import BackCallFailed, EventsTooLarge, Reply, ReplyTooLarge
from .spec import EVENT_COST, Buffer

_cancelling = threading.Lock()


class Call:
    """One call. Its methods may be called from any thread, until the handler returns."""

    def __init__(self, channel: Channel, number: int, payload: bytes) -> None:
        run_time, reply_limit, event_limit, count, places = START_PREFIX.unpack_from(payload)
        views, segments = channel.parts(payload, START_PREFIX.size, count)
        inputs = count - places
        self.id: int = number
        """Number of the call, unique in this worker."""
        self.header: bytes = bytes(views[0])
        """Header of the :class:`~mesh_service.pool.spec.Work`."""
        self.buffers: Sequence[memoryview] = [view.toreadonly() for view in views[1:inputs]]
        """Read-only bytes of the work's buffers, 16-byte aligned, valid until the call ends."""
        self.places: Sequence[memoryview] = views[inputs:]
        """The work's places: writable bytes, aligned as their owner chose."""
        self.run_time: float = run_time
        """Seconds the call may run."""
        self.deadline: float = time.monotonic() + run_time
        """When ``run_time`` is over, on ``time.monotonic()``."""
        self.reply_limit: int = reply_limit
        """Bytes that the reply may have."""
        self._channel = channel
        self._cancelled = False
        self._cancel_event: threading.Event | None = None
        self._event_limit = self._events_left = event_limit
        self._allocated = self._granted = 0
        self._open = (0, 0, 0)  # segment, first free byte, size
        self._segments = segments  # those of the inputs, then those granted
        self._posted: set[int] = set()
        self._lock = threading.Lock()

    @property
    def cancelled(self) -> threading.Event:
        """Set when nobody waits for the reply any more: return soon, or be killed."""
        with _cancelling:
            if self._cancel_event is None:
                self._cancel_event = threading.Event()
                if self._cancelled:
                    self._cancel_event.set()
            return self._cancel_event

    def emit(self, event: Buffer) -> None:
        """Send ``event`` to the front, in order, before the reply. At most 1 MiB each.

        Raises EventsTooLarge once the call's events exceed their limit.
        """
        payload = bytes(event)
        if len(payload) > MAX_EVENT:
            raise ValueError(f"an event of {len(payload)} bytes, the limit is {MAX_EVENT}")
        with self._lock:
            self._events_left -= max(len(payload), EVENT_COST)
            if self._events_left < 0:
                raise EventsTooLarge(self._event_limit)
            self._channel.send(Kind.EVENT, self.id, payload)

    def call(self, request: Buffer) -> bytes:
        """Ask the front something (at most 16 MiB) and wait for its answer.

        Raises BackCallFailed when the front refuses or fails.
        """
        payload = bytes(request)
        if len(payload) > MAX_MESSAGE:
            raise ValueError(f"a request of {len(payload)} bytes, the limit is {MAX_MESSAGE}")
        flags, reply = self._channel.ask(Kind.CALL, self.id, payload)
        if flags & Flag.FAILED:
            raise BackCallFailed
        return reply

    def post(self, request: Buffer) -> int:
        """Ask the front something, as `call` does, and go on; the question's token.

        At most 20 may be open at a time.
        """
        payload = bytes(request)
        if len(payload) > MAX_MESSAGE:
            raise ValueError(f"a request of {len(payload)} bytes, the limit is {MAX_MESSAGE}")
        token = self._channel.post(Kind.CALL, self.id, payload)
        self._posted.add(token)
        return token

    def answer(self, token: int) -> bytes | None:
        """The answer to a question that was posted, once; None while there is none.

        Raises BackCallFailed when the front refuses or fails.
        """
        taken = self._channel.taken(token)
        if taken is None:
            return None
        self._posted.discard(token)
        if taken[0] & Flag.FAILED:
            raise BackCallFailed
        return taken[1]

    def listen(self, seconds: float) -> None:
        """Wait at most so long for answers to what was posted; at concurrency 1 only.

        Raises EOFError when the front is gone.
        """
        self._channel.listen(seconds)

    def allocate(self, nbytes: int) -> memoryview:
        """Give ``nbytes`` writable bytes, 16-byte aligned, if large (over 64 KiB) 64-byte aligned
        and shared with the front: returned, they cost no copy.

        Their content is undefined (it may be an earlier call's): write all that is returned.
        Raises ReplyTooLarge over the reply's limit, MemoryError when the front has none.
        """
        with self._lock:
            self._allocated += nbytes
            if self._allocated > self.reply_limit:
                raise ReplyTooLarge(self._allocated, self.reply_limit)
            if nbytes <= INLINE_BYTES:
                return memoryview(bytearray(nbytes))
            segment, offset = self._reserve(nbytes)
            return memoryview(self._channel.maps[segment])[offset : offset + nbytes]

    def _reserve(self, nbytes: int) -> tuple[int, int]:
        segment, offset, size = self._open
        if size - offset < nbytes:
            # Twice as much each time: a reply of many buffers lies in few segments.
            ask = max(nbytes, min(self._granted, self.reply_limit - self._granted))
            question = NEED.pack(0, ask)[TOKEN.size :]
            flags, answer = self._channel.ask(Kind.NEED, self.id, question)
            if flags & Flag.FAILED:
                raise MemoryError(f"the front has no {nbytes} bytes of shared memory")
            _, segment, size = SEGMENT.unpack(bytes(TOKEN.size) + answer)
            self._segments[segment] = None
            self._granted += size
            offset = 0
        self._open = (segment, aligned(offset + nbytes, CACHE_LINE), size)
        return segment, offset

    # For the worker

    def cancel(self) -> None:
        """Set ``cancelled``."""
        with _cancelling:
            self._cancelled = True
            if self._cancel_event:
                self._cancel_event.set()

    def pack(self, reply: Reply, prefix: Callable[[int], bytes]) -> bytes:
        """Give the payload of DONE: ``prefix(number of parts)`` and the parts.

        Raises ReplyTooLarge; ValueError for more than 4,096 parts.
        """
        sources = [as_bytes(part) for part in (reply.header, *reply.buffers)]
        size = sum(map(len, sources))
        if size > self.reply_limit:
            raise ReplyTooLarge(size, self.reply_limit)
        if len(sources) > MAX_PARTS:
            raise ValueError(f"a reply of {len(sources)} parts")
        if size <= INLINE_BYTES:
            return pack_parts(prefix(len(sources)), sources)
        found = [
            None
            if isinstance(part, bytes) or len(part) <= INLINE_BYTES
            else self._channel.locate(part, self._segments)
            for part in sources
        ]
        rest = [part for part, place in zip(sources, found, strict=True) if place is None]
        placed, need = arrange(rest, INLINE_BYTES)
        if need:
            segment, start = self._reserve(need)
            with memoryview(self._channel.maps[segment]) as target:
                for index, place in enumerate(placed):
                    if isinstance(place, Part):
                        at = start + place.offset
                        target[at : at + place.length] = rest[index]
                        placed[index] = Part(segment, at, place.length)
        copied = iter(placed)
        return pack_parts(prefix(len(found)), [place or next(copied) for place in found])

    def end(self) -> None:
        """Let go of the call's memory, and of answers that nobody took."""
        for token in self._posted:
            self._channel.forget(token)
        for view in (*self.buffers, *self.places):
            with contextlib.suppress(BufferError):  # e.g. an array that the handler keeps
                view.release()

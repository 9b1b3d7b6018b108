"""One call, seen from the front: what its worker says of it, and how much it may say.

A worker's frames are untrusted: every breach raises ProtocolError, which costs it its life.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from .done import Done
from .errors import ProtocolError
from .frames import DONE_PREFIX, MAX_MESSAGE, NEED, SEGMENT, TOKEN, Flag, Kind, encode, unpack_parts
from .segments import SMALLEST, Segment
from .spec import EVENT_COST, Verdict, Work

if TYPE_CHECKING:
    from .worker import Worker

_log = logging.getLogger(__name__)

MAX_BACK_CALLS = 20
"""Questions of one call that may be open at a time."""
MAX_NEEDS = 256
"""Segments that one reply may lie in: each is a descriptor of the front."""
_SLACK = 4 << 20  # alignment of a reply's parts, and small segments


class Flight:
    """State of one call. Its times are those of ``time.monotonic()``."""

    def __init__(
        self,
        work: Work,
        on_started: Callable[[], None] | None,
        on_event: Callable[[bytes], None] | None,
        on_call: Callable[[bytes], Awaitable[bytes]] | None,
    ) -> None:
        self.work = work
        self._start = on_started
        self._tell = on_event
        self._ask = on_call
        self.asked = time.monotonic()
        self.lost: Done | None = None
        """What became of it beside others, when it is to run once more: with a worker to itself."""
        self.run_time = work.run_time
        self.reset()

    def reset(self) -> None:
        """Prepare for a worker."""
        self.id = 0
        self.ended: asyncio.Future[Done | None] = asyncio.get_running_loop().create_future()
        self.over = False
        self.abandoned = False
        self.segments: dict[int, Segment] = {}
        self.back_calls: dict[int, asyncio.Task[None]] = {}
        self.peak = self._needed = self._needs = self._events = 0
        self.sent = 0.0
        self.kill_at = math.inf

    def begin(self) -> None:
        """Tell, once, that a worker is about to get it."""
        start, self._start = self._start, None
        if start:
            start()

    def send(self, grace: float) -> None:
        """Start its clock."""
        self.sent = time.monotonic()
        grace = grace if self.work.grace is None else self.work.grace
        self.kill_at = self.sent + self.run_time + grace

    def repeats(self) -> bool:
        """Say whether it may run again, its worker having died with several calls in it."""
        had = time.monotonic() - self.sent
        spent = self.lost or self._events or self.work.places or self.abandoned
        return self.work.repeatable and not spent and 2 * had <= self.run_time

    def isolate(self, lost: Done) -> None:
        """Let it have a worker to itself, and what is left of its time."""
        self.lost = lost
        self.run_time -= time.monotonic() - self.sent

    def hear(self, worker: Worker, kind: int, payload: bytes) -> None:
        """Handle a frame about a call that runs."""
        if kind == Kind.EVENT:
            self._on_event(worker, payload)
        elif kind == Kind.NEED:
            self._on_need(worker, *NEED.unpack(payload))
        else:
            (token,) = TOKEN.unpack_from(payload)
            if token in self.back_calls or len(self.back_calls) >= MAX_BACK_CALLS:
                raise ProtocolError(f"more than {MAX_BACK_CALLS} open calls, or one token twice")
            if not self.back_calls:
                worker.lends(True)
            answer = self._answer(worker, token, payload[TOKEN.size :])
            self.back_calls[token] = asyncio.get_running_loop().create_task(answer)

    def _on_event(self, worker: Worker, event: bytes) -> None:
        self._events += max(len(event), EVENT_COST)
        if self._events > self.work.event_limit:
            raise ProtocolError(f"events of more than {self.work.event_limit} bytes")
        if self._tell and not self.abandoned:
            try:
                self._tell(event)
            except Exception as error:
                self.ended.set_exception(error)
                worker.cancel(self)

    def _on_need(self, worker: Worker, token: int, size: int) -> None:
        self._needs += 1
        self._needed += max(size, SMALLEST)
        # What is allocated, as much again for growth, and what is copied.
        most = 3 * self.work.reply_limit + _SLACK
        if not size or self._needed > most or self._needs > MAX_NEEDS:
            raise ProtocolError(f"{self._needs} segments of {self._needed} bytes for a reply")
        try:
            segment = worker.arena.take(size, token)
        except OSError as error:
            _log.error("no shared memory for a reply of %d bytes: %s", size, error)
            worker.send(encode(Kind.SEGMENT, 0, SEGMENT.pack(token, 0, 0), Flag.FAILED))
        else:
            self.segments[segment.id] = segment

    async def _answer(self, worker: Worker, token: int, request: bytes) -> None:
        reply, flags = b"", 0
        try:
            if self._ask is None:
                raise ProtocolError("this call may not call back")
            reply = await self._ask(request)
            if len(reply) > MAX_MESSAGE:
                raise ProtocolError(f"an answer of {len(reply)} bytes")
        except Exception:
            _log.exception("a call from worker %d failed", worker.pid)
            reply, flags = b"", Flag.FAILED
        if self.back_calls.pop(token, None):
            if not self.back_calls:
                worker.lends(False)
            worker.send(encode(Kind.CALL_REPLY, self.id, TOKEN.pack(token) + reply, flags))

    def reply(self, payload: bytes) -> tuple[int, bytes, tuple[memoryview, ...], list[Segment]]:
        """Read DONE: CPU time in µs, header, buffers, and the segments they lie in."""
        cpu_us, count = DONE_PREFIX.unpack_from(payload)
        inline = memoryview(payload)
        views: list[memoryview] = []
        used: dict[int, Segment] = {}
        size = 0
        for number, offset, length in unpack_parts(payload, DONE_PREFIX.size, count):
            size += length
            if not number:
                views.append(inline[offset : offset + length])
                continue
            segment = self.segments.get(number)
            if segment is None or offset + length > segment.size:
                raise ProtocolError("a part outside of the call's shared memory")
            used[number] = segment
            views.append(segment.view(offset, length).toreadonly())
        if size > self.work.reply_limit:
            raise ProtocolError(f"a reply of more than {self.work.reply_limit} bytes")
        return cpu_us, bytes(views[0]), tuple(views[1:]), list(used.values())

    def result(self, verdict: Verdict, pid: int, started: bool) -> Done:
        """Give what became of it in worker ``pid``."""
        return Done(
            verdict=verdict,
            started=started,
            worker_pid=pid,
            peak_memory=self.peak,
            queue_us=int((self.sent - self.asked) * 1e6),
            run_us=int((time.monotonic() - self.sent) * 1e6),
        )

    def end(self, done: Done | None) -> Verdict | None:
        """Hand ``done`` to the one that waits (None: to be tried again); give what it counts as."""
        self.over = True
        for task in self.back_calls.values():
            task.cancel()
        self.back_calls.clear()
        if self.ended.done():  # nobody waits
            if done:
                done.release()
            return Verdict.CANCELLED
        self.ended.set_result(done)
        return done and done.verdict

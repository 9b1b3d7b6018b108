"""One worker process, seen from the front: from its spawn to the last of its calls.

Rules: a worker is STARTING, then READY; a RETIRING one ends what it has; an ENDING one has been
killed or has died, and is GONE when the kernel says so. A worker leaves the roster *before* its
calls are answered, so that another has its place by then. No frame of a child and no callback of
a call raises out of here.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import json
import os
import signal as signals
import time
from collections.abc import Iterable
from concurrent.futures import Executor
from functools import partial
from typing import TYPE_CHECKING

from mesh_service.setups import illegal_instruction

from .done import Done
from .errors import ProtocolError
from .flight import Flight
from .frames import CANCEL, NAMES, STATUS, Flag, Frame, Kind, encode
from .gauge import Gauge
from .inputs import prepare
from .link import Link
from .segments import PAGE, Arena, Segment
from .spawn import Process
from .spec import ExitReason, PoolSpec, Verdict, error_id

if TYPE_CHECKING:
    from .roster import Roster

_CPUS = os.cpu_count() or 1
_READS = 64  # of 64 KiB: more than a socket holds
_SAMPLE_AFTER = 0.005  # a call that took this long is measured when it ends
_DEATHS = (Verdict.CRASH, Verdict.MEMORY_LIMIT)
_VERDICTS = {0: Verdict.DONE, Flag.FAILED: Verdict.ERROR, Flag.TOO_LARGE: Verdict.REJECTED}


class State(enum.Enum):
    """Where a worker is in its life."""

    STARTING = enum.auto()
    READY = enum.auto()
    RETIRING = enum.auto()
    ENDING = enum.auto()
    GONE = enum.auto()


class Worker:
    """One process. ``load`` counts its slots in use: the roster takes them, ends free them."""

    def __init__(self, spec: PoolSpec, roster: Roster, copier: Executor) -> None:
        self.state = State.STARTING
        self.load = 0
        self.calls = 0
        self.served = 0
        self.due = False
        self.owner: str | None = None
        """Whose calls it serves, where that is one owner's only; None: nobody's yet."""
        self.reason = ExitReason.START
        self.detail = ""
        self._shared = False  # whether it had several calls when it ended
        self.description = b""
        self.flights: dict[int, Flight] = {}
        self.spawned = time.monotonic()
        self._spec = spec
        self._roster = roster
        self._copier = copier
        self._loop = asyncio.get_running_loop()
        with contextlib.ExitStack() as undo:
            self._status = Segment(0, PAGE)
            undo.callback(self._status.close)
            self._process = Process(spec.target, spec.env, roster.zygote)
            undo.callback(self._process.reap)
            self.gauge = Gauge(self._process.pid)
            undo.pop_all()
        self.pid = self._process.pid
        self._link = Link(self._loop, self._process.data, self._on_frame, self._on_end)
        self.send = self._link.send
        self.arena = Arena(spec.segment_cache_bytes, self.send)
        self._loop.add_reader(self._process.pidfd, self._on_exit)
        self._timer = self._loop.call_later(
            spec.start_timeout, self.end, ExitReason.START, "not ready in time"
        )
        given = {"target": spec.target, "concurrency": spec.concurrency, "config": spec.config}
        config = json.dumps(given, default=dict).encode()
        self.send(encode(Kind.CONFIG, payload=config), self._status.fd)
        self._status.sent()

    # One call: prepare → send → (frames) → settle

    async def run(self, flight: Flight) -> Done | None:
        """Run ``flight`` in the slot taken for it. None: it never began, for want of a worker.

        When cancelled, the worker is told, and killed unless the call ends soon.
        """
        try:
            start = await prepare(flight, self.arena, self._copier)
            if self.state not in (State.READY, State.RETIRING):
                self.arena.give(flight.segments.values())
                self.free(flight)
                return None
            flight.begin()
        except BaseException:
            self.arena.give(flight.segments.values())
            self.free(flight)
            raise
        self.calls += 1
        flight.id = self.calls
        flight.send(self._spec.grace)
        self.flights[flight.id] = flight
        self.send(encode(Kind.START, flight.id, start))
        try:
            return await flight.ended
        except asyncio.CancelledError:
            if not flight.over:
                self.cancel(flight)
            elif not flight.ended.cancelled() and (done := flight.ended.result()):
                done.release()  # it ended in the moment in which it was cancelled
            raise

    def cancel(self, flight: Flight) -> None:
        """Nobody waits for ``flight`` any more: tell the worker, kill it if it goes on."""
        flight.abandoned = True
        self.warn(flight)
        self._loop.call_later(self._spec.cancel_grace, self._cancel_over, flight)

    def lends(self, waits: bool) -> None:
        """Tell whether its call waits for the front: what that asks may need a place here."""
        self._roster.lends(self, waits)

    def warn(self, flight: Flight) -> None:
        """Tell the worker that ``flight`` is cancelled."""
        with contextlib.suppress(OSError):  # gone, or so full of cancellations that it is lost
            self._process.control.send(CANCEL.pack(flight.id))

    def _cancel_over(self, flight: Flight) -> None:
        if not flight.over and all(f.abandoned for f in self.flights.values()):
            self.end(ExitReason.CANCEL, "a cancelled call went on", Verdict.CANCELLED)

    # The worker's frames

    def _on_frame(self, frame: Frame) -> None:
        kind, flags, call, payload = frame
        if kind == Kind.READY:
            self._on_ready(flags, payload)
            return
        flight = self.flights.get(call)
        if flight is None:
            raise ProtocolError(f"{NAMES[kind]} for unknown call {call}")
        if kind == Kind.DONE:
            self._on_done(flight, flags, payload)
        else:
            flight.hear(self, kind, payload)

    def _on_ready(self, flags: int, payload: bytes) -> None:
        if self.state is not State.STARTING:
            raise ProtocolError("READY twice")
        if flags:
            reason = ExitReason.UNFIT if flags & Flag.UNFIT else ExitReason.START
            self.end(reason, payload.decode(errors="replace")[:4096])
            return
        self._timer.cancel()
        self.state = State.READY
        self.reason = ExitReason.CRASH  # unless another is given
        self.description = payload
        self.gauge.rest()
        self._roster.joined(self)

    def _on_done(self, flight: Flight, flags: int, payload: bytes) -> None:
        verdict = _VERDICTS.get(flags)
        if verdict is None:
            raise ProtocolError(f"DONE with flags {flags}")
        cpu_us, header, buffers, used = flight.reply(payload)
        self.served += 1
        if time.monotonic() - flight.sent >= _SAMPLE_AFTER:
            self.measure()
        done = self._result(flight, verdict)
        done.header, done.buffers = header, buffers
        done.cpu_us = min(cpu_us, (done.run_us + 1000) * _CPUS)
        if verdict is Verdict.ERROR:
            done.error_id = error_id(self.pid, flight.id)
        if used:
            for segment in used:
                del flight.segments[segment.id]
            done.on_release = partial(self.arena.give, used)
        self._settle(flight, done)

    # Ends of calls

    def _begun(self, flight: Flight) -> bool:
        return flight.id <= STATUS.unpack_from(self._status.map)[0]

    def _result(self, flight: Flight, verdict: Verdict) -> Done:
        return flight.result(verdict, self.pid, self._begun(flight))

    def measure(self) -> tuple[int, int]:
        """Measure its memory: private bytes, and how many of them came with its calls."""
        private, growth = self.gauge.read()
        for flight in self.flights.values():
            flight.peak = max(flight.peak, growth)
        return private, growth

    def _settle(self, flight: Flight, done: Done | None) -> None:
        del self.flights[flight.id]
        self._roster.lends(self, False)
        if flight.segments:
            self.arena.give(flight.segments.values())
        if verdict := flight.end(done):
            self._roster.verdicts[verdict] += 1
        self.free(flight)

    def free(self, flight: Flight) -> None:
        """Give back what the roster took for it."""
        self.load -= self._spec.concurrency if flight.lost else 1
        if not self.load:
            if self.state is State.READY:
                self.gauge.rest_soon()
            elif self.state is State.RETIRING:
                self._ask_to_stop()
        self._roster.freed(self)

    def _lose(self, flight: Flight, verdict: Verdict, signal: int, exit_code: int) -> None:
        done = self._result(flight, verdict)
        done.signal, done.exit_code, done.detail = signal, exit_code, self.detail
        unbegun = verdict is Verdict.CRASH and not done.started and not flight.abandoned
        suspect = self._shared and done.started and verdict in _DEATHS and flight.repeats()
        self._settle(flight, None if unbegun or suspect else done)
        if suspect:
            flight.isolate(done)  # from its next run on: it had one slot of this worker

    # Ends of the worker

    def retire(self, reason: ExitReason) -> None:
        """Take no more calls, end those it has, then stop."""
        if self.state is State.STARTING:
            self.end(reason, "")
        elif self.state is State.READY:
            self.state, self.reason = State.RETIRING, reason
            if not self.load:
                self._ask_to_stop()

    def _ask_to_stop(self) -> None:
        self.send(encode(Kind.STOP))
        self._timer = self._loop.call_later(
            self._spec.stop_grace, self.end, self.reason, "did not stop when asked to"
        )

    def end(
        self,
        reason: ExitReason,
        detail: str,
        verdict: Verdict = Verdict.CRASH,
        guilty: Iterable[Flight] | None = None,
    ) -> None:
        """Kill it. The ``guilty`` calls (None: all) end with ``verdict``, others with CRASH."""
        if self.state in (State.ENDING, State.GONE):
            return
        self._leave(reason, detail)
        concerned = set(self.flights.values() if guilty is None else guilty)
        for flight in list(self.flights.values()):
            if flight in concerned and verdict is not Verdict.CRASH:
                self._lose(flight, verdict, signals.SIGKILL, 0)
            elif self._begun(flight):
                self._lose(flight, Verdict.CRASH, signals.SIGKILL, 0)
            # What has not begun may yet, until the process has ended: `_on_exit` decides.

    def _leave(self, reason: ExitReason, detail: str) -> None:
        self.state, self.reason, self.detail = State.ENDING, reason, detail
        self._shared = len(self.flights) > 1
        self._timer.cancel()
        self._link.stop()
        self._process.kill()
        self._roster.leaving(self)

    def _on_end(self, violation: str) -> None:
        """Handle the end of its frames: by a breach of the protocol, or by its death."""
        if violation:
            self.end(ExitReason.PROTOCOL, violation)
        elif self.state is not State.ENDING:  # its exit status will tell why, and end its calls
            self._leave(self.reason, "")

    def _on_exit(self) -> None:
        self._loop.remove_reader(self._process.pidfd)
        self._process.kill()  # what it left behind in its group
        for _ in range(_READS):  # replies that it sent before it died
            if not self._link.read():
                break
        if self.state is not State.ENDING:
            self._leave(self.reason, "")
        signal, exit_code = self._process.reap()
        if signal == signals.SIGILL and self.reason is ExitReason.START and not self.detail:
            self.reason, self.detail = ExitReason.UNFIT, str(illegal_instruction())
        if not self.detail:
            how = f"signal {signals.Signals(signal).name}" if signal else f"exit code {exit_code}"
            self.detail = f"the worker ended with {how}"
        for flight in list(self.flights.values()):
            self._lose(flight, Verdict.CRASH, signal, exit_code)
        self.state = State.GONE
        self.gauge.close()
        self.arena.close()
        self._status.close()
        self._roster.gone(self)

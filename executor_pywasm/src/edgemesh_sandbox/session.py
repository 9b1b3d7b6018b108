"""A program that goes on call after call: variables, imports, half-run generators, files, cursors.

    with sandbox.session() as session:
        session.run("x = 1")
        session.run("x + 1").result        # 2
        data = session.sleep()
    sandbox.wake(data).run("x").result      # 1

Rules: calls run in their order. One that came back in good order (OK, EXCEPTION, EXIT) is kept, as
in a REPL, and can be undone; any other (TIMEOUT, CRASH, a limit) leaves the session as the call
before did, and the result says so (`kept`). A session that goes on goes on with its random
numbers; a fork has fresh ones, as after `os.fork`.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from edgemesh_sandbox import values
from edgemesh_sandbox.answer import Allocate
from edgemesh_sandbox.base import fill
from edgemesh_sandbox.call import Call
from edgemesh_sandbox.errors import InputError, SessionError, SnapshotError
from edgemesh_sandbox.frame import Frame
from edgemesh_sandbox.instance import Instance
from edgemesh_sandbox.interpreter import Interpreter
from edgemesh_sandbox.limits import MIB, Limits
from edgemesh_sandbox.output import OnOutput
from edgemesh_sandbox.result import Outcome, Result
from edgemesh_sandbox.signals import PutOff
from edgemesh_sandbox.snapshot import Snapshot
from edgemesh_sandbox.stack import on_deep_stack
from edgemesh_sandbox.tools import Function, ToolCalls, Tools, as_tools
from edgemesh_sandbox.twin import Change, Twin
from edgemesh_sandbox.verdict import judge
from edgemesh_sandbox.wasi import World
from edgemesh_sandbox.wasi.nodes import Buffer
from edgemesh_sandbox.watch import Cancelled

UNDO = 10
"""Calls that can be undone."""
UNDO_BYTES = 64 * MIB
"""What is kept for that, at most."""

KEPT = frozenset({Outcome.OK, Outcome.EXCEPTION, Outcome.EXIT})
"""Outcomes of calls whose effects stay."""

T = TypeVar("T")
_NO_LIMITS = Limits()
_MOST_FILES = 1 << 30  # what is there already; each call brings its own limit


@dataclass(frozen=True, slots=True)
class Variable:
    """A name of a session's `__main__`."""

    name: str
    type: str
    nbytes: int
    """What it takes by itself, without what it refers to (an array or a table with its data)."""
    length: int | None = None
    shape: tuple[int, ...] | None = None
    dtype: str | None = None


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a session has."""

    variables: tuple[Variable, ...]
    figures: int
    """Figures that are open."""
    memory_bytes: int
    """What it has added to its image's memory."""


class Session:
    """One of them; safe to use from several threads, whose calls run one after another."""

    def __init__(
        self,
        interpreter: Interpreter,
        tools: Tools,
        on: Snapshot | None = None,
        deterministic: bool = False,
        undo: int = UNDO,
        limits: Limits = _NO_LIMITS,
        *,
        fresh_random: bool = False,
        calls: int = 0,
    ) -> None:
        """Raises `SnapshotError` for a snapshot of another image. See `Sandbox.session`."""
        if on is not None and on.image != interpreter.digest:
            raise SnapshotError("image", interpreter.digest, on.image)
        self._interpreter, self._tools = interpreter, tools
        self._first, self._deterministic, self._undo = on, deterministic, undo
        self._limits, self._fresh_random = limits, fresh_random
        self._lock = threading.RLock()
        self._closed = False
        self._instance: Instance | None = None
        self._twin: Twin | None = None
        self._from = on
        self._history: deque[Snapshot] = deque()
        self.calls = calls
        """How many calls were kept."""
        self.last: Change | None = None
        """What the last call that was kept has changed."""
        self._wake()

    def run(
        self,
        code: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        stdin: str = "",
        files: Mapping[str, Buffer] | None = None,
        call: Call | None = None,
        tools: Mapping[str, Function] | Tools | None = None,
        limits: Limits | None = None,
        deadline: float | None = None,
        cancelled: Cancelled | None = None,
        on_output: OnOutput | None = None,
        allocate: Allocate | None = None,
        wire: bool = False,
        file: str | None = None,
    ) -> Result:
        """Run `code` where the calls before have ended: see `Sandbox.run`.

        The result is `output` where this code assigns it, or else the last expression. `file`: what
        this part of the program is called in tracebacks. Raises `InputError`, and `SessionError`
        when it is closed.
        """
        limits = limits or self._limits
        given = inputs or {}
        if not wire:
            given, call = values.call_to_wire(given, call)
        if limits.fuel:
            raise InputError("limits.fuel", "0: sessions count none")
        made = ToolCalls(as_tools(tools) if tools else self._tools, limits.calls)
        file = file or f"cell-{self.calls + 1}.py"
        frame = Frame(code, given, stdin, call, tools=made, wire=wire, file=file)
        named = (values.files(given) if given else {}) | dict(files or {})

        def work() -> Result:
            return self._run(
                frame, named, limits, deadline, cancelled, on_output, allocate, keep=True
            )

        try:
            return self._in_order(work)
        finally:
            made.close()

    @property
    def deterministic(self) -> bool:
        """Whether it has fixed clocks and random numbers."""
        return self._deterministic

    @property
    def nbytes(self) -> int:
        """What it holds of this process's memory, about."""
        with self._lock:
            touched = self._instance.touched() if self._instance is not None else ()
            return 2 * sum(end - begin for begin, end in touched)

    def snapshot(self) -> Snapshot:
        """It at rest, after its last call that was kept."""
        return self._in_order(lambda: self._followed().snapshot())

    def export(self) -> bytes:
        """The same as bytes, compressed, for `Sandbox.wake` on this machine or another."""
        return self.snapshot().to_bytes(compress=True)

    def sleep(self, *, compress: bool = False) -> bytes:
        """It as bytes for `Sandbox.wake`; it is closed by that."""

        def work() -> bytes:
            data = self._followed().snapshot().to_bytes(compress=compress)
            self.close()
            return data

        return self._in_order(work)

    def fork(self) -> Session:
        """Another session that has all that this one has, and fresh random numbers."""
        return Session(
            self._interpreter,
            self._tools,
            self.snapshot(),
            self._deterministic,
            self._undo,
            self._limits,
            fresh_random=not self._deterministic,
            calls=self.calls,
        )

    def reset(self) -> None:
        """Be as it was when it was made."""
        self._in_order(lambda: self._become(self._first, 0))

    def undo(self, count: int = 1) -> None:
        """Take back the last calls that were kept. Raises `SessionError` where fewer can be."""

        def work() -> None:
            if not 0 <= count <= len(self._history):
                raise SessionError(f"{len(self._history)} calls can be undone, not {count}")
            past = self._followed().snapshot()
            for back in itertools.islice(reversed(list(self._history)), count):
                past = past.after(back)
            history = list(self._history)[: len(self._history) - count]
            self._become(past, self.calls - count)
            self._history.extend(history)

        self._in_order(work)

    def inspect(self, limits: Limits | None = None) -> Inspection:
        """What it has. Raises `SessionError` where it cannot say."""
        result = self.look(limits)
        if not isinstance(cast(object, result.result), dict):
            why = result.failure.message if result.failure else "no answer"
            raise SessionError(f"it could not be looked at: {why}")
        told = cast(dict[str, Any], result.result)
        return _inspection(told, result.peak_memory_bytes)

    def look(self, limits: Limits | None = None) -> Result:
        """The same in its guest's words: see `guest/inspection.py`."""
        frame = Frame("", {}, "", file="inspect.py", inspect=True)
        return self._in_order(lambda: self._run(frame, {}, limits or self._limits, keep=False))

    def close(self) -> None:
        """Free it; what it has is gone."""
        with self._lock:
            self._closed = True
            self._drop()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _in_order(self, work: Callable[[], T]) -> T:
        def body() -> T:
            with self._lock:
                if self._closed:
                    raise SessionError("it is closed")
                return work()

        return on_deep_stack(body)

    def _run(
        self,
        frame: Frame,
        files: Mapping[str, Buffer],
        limits: Limits,
        deadline: float | None = None,
        cancelled: Cancelled | None = None,
        on_output: OnOutput | None = None,
        allocate: Allocate | None = None,
        *,
        keep: bool,
    ) -> Result:
        began = time.monotonic()
        until = began + limits.run_time_ms / 1e3
        until = until if deadline is None else min(until, deadline)
        instance = self._instance or self._wake()
        world = instance.world
        if world.fresh:
            world.give(files, limits.files_bytes)
        else:
            world.go_on(files, limits.files_bytes)
        kept = False
        try:
            with PutOff(cancelled) as stop:
                taken = time.monotonic()
                result = judge(instance, frame, limits, until, stop, on_output, allocate, world)
                ended = time.monotonic()
            world.fresh = False
            kept = instance.intact and result.outcome in KEPT
            if kept and keep:
                self._keep(self._twin_of(instance).follow(instance, back=self._undo > 0))
        finally:
            if not kept:  # the next call finds what the one before has left
                self._forget_instance()
        stages = instance.stages(began, taken, ended)
        return replace(result, stages=stages, run_s=ended - began, kept=kept)

    def _keep(self, change: Change) -> None:
        self.calls += 1
        self.last = change
        if change.back is None:
            return
        self._history.append(change.back)
        kept = sum(back.nbytes for back in self._history)
        while self._history and (len(self._history) > self._undo or kept > UNDO_BYTES):
            kept -= self._history.popleft().nbytes

    def _wake(self) -> Instance:
        """An instance with what was there after the last call that was kept."""
        snapshot = self._twin.snapshot() if self._twin is not None else self._from
        instance = Instance(self._interpreter)
        if snapshot is None:
            instance.world = World(deterministic=self._deterministic)
        else:
            fill(instance.memory, snapshot, snapshot.memory_bytes)
            instance.overwritten()
            instance.world = snapshot.world(files_bytes=_MOST_FILES)
            instance.world.fresh = False
            if self._fresh_random and self._twin is None:
                instance.refresh()
        self._instance = instance
        return instance

    def _twin_of(self, instance: Instance) -> Twin:
        """The twin, made when it is first needed: it is what the instance was made from."""
        if self._twin is None:
            state = self._from.state if self._from is not None else instance.world.state()
            self._twin = Twin(self._interpreter, self._from, state)
        return self._twin

    def _followed(self) -> Twin:
        """The twin; before the first call it takes over what the instance was made with."""
        if self._twin is None:
            instance = self._instance or self._wake()
            self._twin_of(instance).follow(instance, back=False)
        assert self._twin is not None
        return self._twin

    def _become(self, snapshot: Snapshot | None, calls: int) -> None:
        self._drop()
        self._history.clear()
        self._from, self.calls, self.last = snapshot, calls, None
        self._wake()

    def _forget_instance(self) -> None:
        if self._instance is not None:
            self._instance.close()
            self._instance = None

    def _drop(self) -> None:
        self._forget_instance()
        if self._twin is not None:
            self._twin.close()
            self._twin = None


def _inspection(told: dict[str, Any], memory_bytes: int) -> Inspection:
    """The guest's words, which its program may have forged."""
    try:
        return Inspection(
            tuple(
                Variable(
                    str(one["name"]),
                    str(one["type"]),
                    int(one["bytes"]),
                    int(one["length"]) if "length" in one else None,
                    tuple(map(int, one["shape"])) if "shape" in one else None,
                    str(one["dtype"]) if "dtype" in one else None,
                )
                for one in told["names"]
            ),
            int(told["figures"]),
            memory_bytes,
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        raise SessionError("it could not be looked at: its answer makes no sense") from None

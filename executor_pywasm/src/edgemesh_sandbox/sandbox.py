"""Runs programs that nobody trusts, each in a Python of its own.

    with Sandbox() as sandbox:
        print(sandbox.run("output = 6 * 7").result)

Rules: every program starts from the image, or from a snapshot over it, byte for byte. Between
programs one instance is made ready, which takes its page faults off the next program's path. A
program's own failure is an outcome; what is raised is the embedder's mistake or a broken
installation.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from edgemesh_sandbox import values
from edgemesh_sandbox.answer import Allocate
from edgemesh_sandbox.built import default_images_dir
from edgemesh_sandbox.call import Call
from edgemesh_sandbox.engine import STACK_BYTES
from edgemesh_sandbox.errors import InputError, ProgramFailed
from edgemesh_sandbox.frame import Frame
from edgemesh_sandbox.guest.program import FILE
from edgemesh_sandbox.hot import HotSnapshots
from edgemesh_sandbox.image import BASE, ImageName
from edgemesh_sandbox.interpreter import TABLE_ELEMENTS, Interpreter
from edgemesh_sandbox.limits import MIB, Limits
from edgemesh_sandbox.output import OnOutput
from edgemesh_sandbox.outside import Outside
from edgemesh_sandbox.result import Failure, Outcome, Result
from edgemesh_sandbox.session import UNDO, Session
from edgemesh_sandbox.signals import PutOff
from edgemesh_sandbox.snapshot import Snapshot
from edgemesh_sandbox.spare import Spare
from edgemesh_sandbox.stack import on_deep_stack
from edgemesh_sandbox.tools import Function, ToolCalls, Tools, as_tools
from edgemesh_sandbox.verdict import judge
from edgemesh_sandbox.wasi import World
from edgemesh_sandbox.wasi.nodes import Buffer
from edgemesh_sandbox.watch import Cancelled

DEFAULT_LIMITS = Limits()
SNAPSHOTS_BYTES = 256 * MIB
MOST_FILES_BYTES = 1 << 30


class Sandbox:
    """A source of fresh Pythons. Safe to use from several threads, though one runs fastest."""

    def __init__(
        self,
        images: Path | None = None,
        *,
        spare: bool = True,
        tools: Mapping[str, Function] | Tools | None = None,
        image: ImageName = BASE,
        metered: bool = False,
        stack_bytes: int = STACK_BYTES,
        table_elements: int = TABLE_ELEMENTS,
        snapshots_bytes: int = SNAPSHOTS_BYTES,
    ) -> None:
        """Load an image from the folder `images` (default: the cache's).

        `image`: `slim` has only the standard library imported, for where memory is short. With
        `metered`, runs may be limited by `fuel`; it loads a second code module for those.
        `stack_bytes`: what nested calls may take of the native stack, 4 to 64 MiB.
        `table_elements`: the most that a guest's table may grow to. `snapshots_bytes`: what
        snapshots that programs run on may take, where an instance of each is kept warm.

        `tools`: functions that every program may call, by name: see `edgemesh_sandbox/tools.py`.

        With `spare` the next instance is made ready in the background while nothing runs;
        without it, when `prepare` is called or the next program comes. Raises `ArtifactError`
        when `python -m edgemesh_sandbox.setup` has not built what fits this version and machine.
        """
        self._tools = as_tools(tools)
        images = images or default_images_dir()
        made = partial(
            Interpreter, images, image, stack_bytes=stack_bytes, table_elements=table_elements
        )
        self._interpreter = made()
        self._metered = made(metered=True) if metered else None
        self._spare = Spare(self._interpreter.base, background=spare)
        self._counting = Spare(self._metered.base, background=False) if self._metered else None
        self._hot = HotSnapshots(self._interpreter, nbytes=snapshots_bytes, background=spare)
        self._hot_counting = (
            HotSnapshots(self._metered, nbytes=snapshots_bytes, background=False)
            if self._metered
            else None
        )

    def run(
        self,
        code: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        stdin: str = "",
        files: Mapping[str, Buffer] | None = None,
        deterministic: bool = False,
        call: Call | None = None,
        tools: Mapping[str, Function] | Tools | None = None,
        limits: Limits = DEFAULT_LIMITS,
        deadline: float | None = None,
        cancelled: Cancelled | None = None,
        on_output: OnOutput | None = None,
        allocate: Allocate | None = None,
        wire: bool = False,
        on: Snapshot | None = None,
        outside: Outside | None = None,
    ) -> Result:
        """Run `code` as `__main__`, with `inputs` bound to the dict `inputs`.

        `inputs`: Python values of all types that have a wire form (see the README), and `Tensor`s,
        which the program sees as NumPy arrays (`bytes` as bytes). `files`: bytes by relative path,
        which the program finds below /inputs, as it does inputs that are bytes. `deterministic`:
        fixed clocks and random numbers, so that the same program with the same inputs gives the
        same bytes in every run. `call`: a function of the program, called at its end; what it
        returns is the result. `tools`: functions that it may call, instead of the sandbox's own.
        `outside`: what answers its `edgemesh.call`.
        `deadline`: on `time.monotonic()`, if earlier than the run time
        allows. `cancelled`: a `threading.Event` or the like. `on_output(stream, text)`: told of
        what is printed, while it is. `allocate(nbytes)`: gives the memory that an output's tensor
        is copied to; by default new memory. `wire`: inputs are in wire form, and so shall be the
        result. `on`: go on where a snapshot was taken: its `__main__`, modules and files are there,
        and nothing of this run is in the next on it.

        The global `output`, or else the last expression's value, is the result: see
        `guest/results.py`. Raises `InputError` for inputs that cannot cross, and `SnapshotError`
        for a snapshot of another image.
        """
        given = inputs or {}
        if not wire:
            given, call = values.call_to_wire(given, call)
        calls = ToolCalls(as_tools(tools) if tools else self._tools, limits.calls, outside)
        file = FILE if on is not None else None
        request = Frame(code, given, stdin, call, tools=calls, wire=wire, file=file)
        named = (values.files(given) if given else {}) | dict(files or {})
        if on is None:
            world = World(named, deterministic, limits.files_bytes)
        else:
            world = on.world(named, limits.files_bytes)
            if deterministic != world.deterministic:
                expected = f"{world.deterministic}, as the snapshot was made"
                raise InputError("deterministic", expected)
        began = time.monotonic()
        until = began + limits.run_time_ms / 1e3
        until = until if deadline is None else min(until, deadline)

        def work() -> Result:
            with (
                self._source(limits, on) as source,
                source.instance() as instance,
                PutOff(cancelled) as stop,
            ):
                taken = time.monotonic()
                result = judge(instance, request, limits, until, stop, on_output, allocate, world)
                ended = time.monotonic()
                stages = instance.stages(began, taken, ended)
                return replace(result, stages=stages, run_s=ended - began)

        try:
            return on_deep_stack(work)
        finally:
            calls.close()

    def snapshot(
        self,
        code: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        on: Snapshot | None = None,
        deterministic: bool = False,
        file: str = "setup.py",
        limits: Limits = DEFAULT_LIMITS,
        deadline: float | None = None,
        cancelled: Cancelled | None = None,
        on_output: OnOutput | None = None,
    ) -> Snapshot:
        """Run set-up code, once, and keep what it leaves behind, for `run(…, on=…)`.

        `file`: what it is called in tracebacks. `on`: a snapshot that it goes on from. Raises
        `ProgramFailed` unless its outcome is OK, `InputError` and `SnapshotError` as `run` does.
        """
        with self.session(on=on, deterministic=deterministic, undo=0) as session:
            result = session.run(
                code,
                inputs,
                file=file,
                limits=limits,
                deadline=deadline,
                cancelled=cancelled,
                on_output=on_output,
            )
            if not result.ok:
                raise ProgramFailed(result)
            if not result.kept:  # `os._exit(0)`: nothing of it is left
                failure = Failure("Exit", "the program ended itself before its end")
                raise ProgramFailed(replace(result, outcome=Outcome.EXIT, failure=failure))
            return session.snapshot()

    def session(
        self,
        *,
        on: Snapshot | None = None,
        deterministic: bool = False,
        undo: int = UNDO,
        limits: Limits = DEFAULT_LIMITS,
    ) -> Session:
        """A program that goes on call after call: see `session`.

        `on`: where it begins. `deterministic`: fixed clocks and random numbers for all of it.
        `undo`: how many calls can be undone. `limits`: those of a call that names none; its memory
        is that of the whole session.
        """
        return Session(self._interpreter, self._tools, on, deterministic, undo, limits)

    def wake(
        self,
        data: Buffer,
        *,
        undo: int = UNDO,
        limits: Limits = DEFAULT_LIMITS,
        fresh_random: bool = False,
    ) -> Session:
        """A session that goes on where it was put to sleep. Raises `SnapshotError`.

        `fresh_random`: with other random numbers, where several are woken from the same bytes.
        """
        snapshot = Snapshot.from_bytes(data, image=self._interpreter.digest)
        deterministic = snapshot.world(files_bytes=MOST_FILES_BYTES).deterministic
        return Session(
            self._interpreter,
            self._tools,
            snapshot,
            deterministic,
            undo,
            limits,
            fresh_random=fresh_random and not deterministic,
        )

    @property
    def image(self) -> str:
        """The digest of the image, over which its snapshots lie."""
        return self._interpreter.digest

    def _source(self, limits: Limits, on: Snapshot | None) -> AbstractContextManager[Spare]:
        spare, hot = (
            (self._counting, self._hot_counting) if limits.fuel else (self._spare, self._hot)
        )
        if spare is None or hot is None:
            raise InputError("limits.fuel", "0: this sandbox was made without `metered`")
        return nullcontext(spare) if on is None else hot.spare(on)

    def prepare(self) -> None:
        """Make the next program's instance ready now, in a fraction of a millisecond.

        For an embedder who knows when there is time for it: after an answer has been sent.
        """
        on_deep_stack(self._spare.prepare)
        on_deep_stack(self._hot.prepare)

    def close(self) -> None:
        """Free everything; no run may be going on, and sessions are to be closed before."""
        self._hot.close()
        if self._hot_counting:
            self._hot_counting.close()
        self._spare.close()
        self._interpreter.close()
        if self._counting and self._metered:
            self._counting.close()
            self._metered.close()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

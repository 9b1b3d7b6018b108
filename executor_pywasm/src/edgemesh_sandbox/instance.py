"""One Python: a memory that starts as its base, the image or a snapshot, over the compiled code.

Rules: it runs one program; before it runs another its memory is the base's again, byte for byte,
and nothing else of it could have changed, or it is thrown away (`restore`). Where a program goes on
its parts run one after another, and `touched` tells where its memory may have changed. Made on one
thread, it may be handed to another, but belongs to one at a time. What it answers is for `answer`
to judge; what traps is for `verdict` to name.
"""

from __future__ import annotations

import os
import time
from typing import cast

import wasmtime

from edgemesh_sandbox import pages, wasi
from edgemesh_sandbox.base import Base
from edgemesh_sandbox.frame import Frame
from edgemesh_sandbox.functions import Function
from edgemesh_sandbox.guest import layout
from edgemesh_sandbox.interpreter import Interpreter
from edgemesh_sandbox.limits import MIB, MOST_FUEL, Limits
from edgemesh_sandbox.memory import GuestMemory
from edgemesh_sandbox.output import OnOutput, Output
from edgemesh_sandbox.snapshot import MOST_MEMORY, Snapshot
from edgemesh_sandbox.wasi import World
from edgemesh_sandbox.wasi.entropy import Entropy
from edgemesh_sandbox.watch import Cancelled, EpochCallback, Watch

_RUNTIME_BYTES = 1 * MIB
"""What the runtime itself may add to the image, beside the program."""
_MOST_KEPT = 2048 * pages.PAGE_BYTES
"""An instance that has written to more gives it back: it would hold the memory for nothing."""
_RANDOM_BYTES = 624 * 4
_RANDOM_POSITION = (624).to_bytes(4, "little")


class NoMemory(Exception):
    """The guest has no memory for the request."""


class Instance:
    """A Python that has not run anything yet."""

    output: Output
    watch: Watch
    world: World
    fuel_used = 0

    def __init__(self, interpreter: Interpreter, base: Base | None = None) -> None:
        """`base`: where it starts, the image by default."""
        self._interpreter = interpreter
        self._base = base = base or interpreter.base
        self._store = store = wasmtime.Store(interpreter.engine)
        self._epochs = EpochCallback(store)
        memory, exports = interpreter.instantiate(store)
        self.memory = GuestMemory(store, memory)
        self._turn = Function(store, cast(wasmtime.Func, exports["turn"]))
        self._allocate = Function(store, cast(wasmtime.Func, exports["host_alloc"]))
        base.start(self.memory)
        self._whole = self.memory.view(0, base.nbytes)
        self._pages: pages.Pages | None = None
        self._written: pages.Ranges | None = []
        self._faults = 1  # filling in is not counted: the first time the pages are looked at
        self._intact = True
        self._buffers: list[tuple[int, int]] = []  # size and address; those lent come first
        self._lent = 0
        if pages.supported():
            self._pages = pages.Pages(self.memory.base, base.nbytes, MOST_MEMORY)
            if base.hot:
                self._pages.fill_in(base.hot)
        self.refresh()

    def refresh(self) -> None:
        """Give the program's random generators states of their own."""
        self._fill_random(os.urandom)

    def _fill_random(self, entropy: Entropy) -> None:
        before = pages.faults()
        states = self._interpreter.random_states
        fresh = entropy(_RANDOM_BYTES * len(states))
        for at, (words, position) in enumerate(states):
            self.memory.write(words, fresh[at * _RANDOM_BYTES : (at + 1) * _RANDOM_BYTES])
            self.memory.write(position, _RANDOM_POSITION)
        self._faults += pages.faults() - before

    def run(
        self,
        frame: Frame,
        limits: Limits,
        deadline: float,
        cancelled: Cancelled | None = None,
        on_output: OnOutput | None = None,
        world: World | None = None,
    ) -> memoryview:
        """Run a frame in this world, or in one of its own; the answer in the guest's memory.

        It is empty if there is none. Raises what Wasmtime raises for a trap, an exit (see
        `world.exit_status`) and an interruption, and `NoMemory`.
        """
        self._intact = False
        self._called = self._returned = 0.0
        before = pages.faults()
        block = self.memory.view(self._interpreter.block, layout.BLOCK_BYTES)
        if frame.goes_on:  # the log still has what the part before has printed
            block[4 * layout.WORD_LOG : 4 * layout.WORD_LOG + 4] = bytes(4)
        self.output = Output(block, limits.output_bytes, on_output)
        self.watch = Watch(deadline, cancelled, self.output, on_output is not None, limits.cpu_ms)
        self.tools = frame.tools
        self.world = world or World(files_bytes=limits.files_bytes)
        self.allowed = limits.memory_bytes + frame.nbytes
        ceiling = self._base.nbytes + self.allowed + _RUNTIME_BYTES
        self._store.set_limits(
            memory_size=min(ceiling, 1 << 32),
            table_elements=self._interpreter.table_elements,
            instances=2,
            memories=1,
        )
        if self._interpreter.metered:
            self._store.set_fuel(limits.fuel or MOST_FUEL)
        self._epochs.watch(self.watch)
        self._store.set_epoch_deadline(1)
        if self.world.deterministic and self.world.fresh:
            self._fill_random(self.world.entropy)
        wasi.enter(self)
        try:
            with self._interpreter.ticker:
                answer = self._call(frame)
        finally:
            wasi.enter(None)
            if self._interpreter.metered:
                self.fuel_used = (limits.fuel or MOST_FUEL) - self._store.get_fuel()
            self.output.close()
        self._faults += pages.faults() - before
        self._intact = True
        return answer

    @property
    def restorable(self) -> bool:
        """Whether `restore` may succeed."""
        return self._intact and self._pages is not None

    def restore(self) -> bool:
        """Be as new again; False where that cannot be, and the instance is to be closed.

        It cannot where the program did not come back in good order (then more than its memory may
        have changed), where the memory has grown, which cannot be undone, and where the system
        does not tell which pages were written to. Views of the memory must not be used any more.
        """
        if not self._intact or self._pages is None:
            return False
        if self.memory.size() != self._base.nbytes:
            return False
        if self._faults:
            self._written = self._pages.private()
            self._faults = 0
        if self._written is None or sum(end - begin for begin, end in self._written) > _MOST_KEPT:
            self._pages.drop()
            self._pages.fill_in(self._base.hot)
            self._written = []
            self._faults = 1  # so that it is looked at next time
        elif not self._base.hot:
            self._base.hot = self._written
        whole, base = self._whole, self._base.view
        for begin, end in self._written:
            whole[begin:end] = base[begin:end]
        self._buffers.clear()  # its allocator knows nothing of them any more
        self.refresh()
        return True

    @property
    def stack_bytes(self) -> int:
        """The stack that its calls may take."""
        return self._interpreter.stack_bytes

    def added_bytes(self) -> int:
        """How far the memory has grown over its base's; it never shrinks."""
        return self.memory.size() - self._base.nbytes

    @property
    def intact(self) -> bool:
        """Whether what it ran came back in good order, so that it may go on."""
        return self._intact

    def touched(self) -> pages.Ranges:
        """Where its memory may differ from what it was made as, or was `overwritten` since."""
        if self._pages is None:
            return pages.pieces(self.memory.size())
        if self._faults or self._written is None:
            self._written = self._pages.all_private(self.memory.size())
            self._faults = 0
        return self._written

    def overwritten(self) -> None:
        """The host has written to its memory."""
        self._faults += 1

    def capture(self) -> Snapshot:
        """It and its world at rest. It must be intact."""
        base, interpreter = self._base, self._interpreter
        near, far = pages.split(self.touched(), base.nbytes)
        runs = pages.differing(self.memory.base, base.address, near)
        runs += pages.nonzero(self.memory.base, far)
        world = self.world.state(base.snapshot and base.snapshot.state)
        taken = Snapshot(
            interpreter.digest,
            self.memory.size(),
            tuple(runs),
            b"".join([self.memory.view(begin, end - begin) for begin, end in runs]),
            *world,
            interpreter.recipe,
        )
        return taken if base.snapshot is None else base.snapshot.after(taken)

    def close(self) -> None:
        """Give everything back; views of the memory must not be used any more."""
        self._epochs.close()
        self._store.close()

    def stages(self, began: float, taken: float, ended: float) -> dict[str, int]:
        """Where the time of the last run went, in microseconds; all on `time.monotonic()`."""
        called = self._called or ended
        moments = (began, taken, called, self._returned or ended, ended)
        names = ("instance", "inputs", "run", "outputs")
        spans = zip(names, moments, moments[1:], strict=False)
        return {name: int((after - before) * 1e6) for name, before, after in spans}

    def _call(self, frame: Frame) -> memoryview:
        lend = self._lend if frame.goes_on else self._place
        self._lent = 0
        addresses = [lend(buffer) for buffer in frame.buffers]
        text = frame.text(addresses)
        place = self._place(text)
        self._called = time.monotonic()
        self._turn(place, len(text))
        self._returned = time.monotonic()
        block = self._interpreter.block
        answer = self.memory.word(block + 4 * layout.WORD_ANSWER)
        return self.memory.view(answer, self.memory.word(block + 4 * layout.WORD_ANSWER_BYTES))

    def _lend(self, data: bytes | memoryview) -> int:
        """The same, in memory that is taken back after the call: the guest keeps a copy."""
        if not data:
            return 0
        free = self._buffers[self._lent :]
        if free and max(nbytes for nbytes, _ in free) >= len(data):
            found = min(one for one in free if one[0] >= len(data))
            self._buffers.remove(found)
            self.memory.write(found[1], data)
        else:
            found = (len(data), self._place(data))
        self._buffers.insert(self._lent, found)
        self._lent += 1
        return found[1]

    def _place(self, data: bytes | memoryview) -> int:
        """Copy `data` into memory that the guest gives for good; its address, 0 if empty."""
        if not data:
            return 0
        address = self._allocate(len(data))
        if not address:
            raise NoMemory
        self.memory.write(address, data)
        return address

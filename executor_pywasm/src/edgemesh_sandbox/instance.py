"""One Python: a fresh memory over the compiled code, used for one program, then thrown away.

Rules: made on one thread, it may be handed to another, but belongs to one at a time. What it
answers is for `answer` to judge; what traps is for `verdict` to name.
"""

from __future__ import annotations

import time
from typing import Any, cast

import wasmtime

from edgemesh_sandbox import hostcalls
from edgemesh_sandbox.frame import Frame
from edgemesh_sandbox.guest import layout
from edgemesh_sandbox.interpreter import Interpreter
from edgemesh_sandbox.limits import MIB, Limits
from edgemesh_sandbox.memory import GuestMemory
from edgemesh_sandbox.output import OnOutput, Output
from edgemesh_sandbox.watch import Cancelled, EpochCallback, Watch

_RUNTIME_BYTES = 1 * MIB
"""What the runtime itself may add to the image, beside the program."""


class NoMemory(Exception):
    """The guest has no memory for the request."""


class Instance:
    """A Python that has not run anything yet."""

    output: Output
    watch: Watch

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._store = store = wasmtime.Store(interpreter.engine)
        self.clock_origin = time.monotonic()
        store.set_wasi(wasmtime.WasiConfig())
        self._epochs = EpochCallback(store)
        memory, exports = interpreter.instantiate(store)
        self.memory = GuestMemory(store, memory)
        self._turn: Any = exports["turn"]
        self._allocate: Any = exports["host_alloc"]

    def run(
        self,
        frame: Frame,
        limits: Limits,
        deadline: float,
        cancelled: Cancelled | None = None,
        on_output: OnOutput | None = None,
    ) -> memoryview:
        """Run a frame; the answer in the guest's memory, empty if there is none.

        Raises what Wasmtime raises for a trap, an exit and an interruption, and `NoMemory`.
        """
        block = self.memory.view(self._interpreter.block, layout.BLOCK_BYTES)
        self.output = Output(block, limits.output_bytes, on_output)
        self.watch = Watch(deadline, cancelled, self.output, on_output is not None)
        self.allowed = limits.memory_bytes + frame.nbytes
        ceiling = self._interpreter.image_bytes + self.allowed + _RUNTIME_BYTES
        self._store.set_limits(
            memory_size=min(ceiling, 1 << 32), table_elements=100_000, instances=2, memories=1
        )
        self._epochs.watch(self.watch)
        self._store.set_epoch_deadline(1)
        hostcalls.enter(self)
        try:
            with self._interpreter.ticker:
                return self._call(frame)
        finally:
            hostcalls.enter(None)
            self.output.close()

    def added_bytes(self) -> int:
        """How far the memory has grown over the image's; it never shrinks."""
        return self.memory.size() - self._interpreter.image_bytes

    def close(self) -> None:
        """Give everything back; views of the memory must not be used any more."""
        self._epochs.close()
        self._store.close()

    def _call(self, frame: Frame) -> memoryview:
        addresses = [self._place(buffer) for buffer in frame.buffers]
        text = frame.text(addresses)
        self._turn(self._store, self._place(text), len(text))
        block = self._interpreter.block
        answer = self.memory.word(block + 4 * layout.WORD_ANSWER)
        return self.memory.view(answer, self.memory.word(block + 4 * layout.WORD_ANSWER_BYTES))

    def _place(self, data: bytes | memoryview) -> int:
        """Copy `data` into memory that the guest gives for good; its address, 0 if empty."""
        if not data:
            return 0
        address = cast(int, self._allocate(self._store, len(data))) & 0xFFFF_FFFF
        if not address:
            raise NoMemory
        self.memory.write(address, data)
        return address

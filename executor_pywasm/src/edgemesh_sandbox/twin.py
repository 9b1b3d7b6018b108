"""What a session was when its last call had ended: a second memory beside the instance's.

Rules: nothing runs in it. Comparing the two tells exactly what a call has changed, and costs what
the session's own pages cost, not the image's; where a call did not come back in good order the
next instance is made from it.
"""

from __future__ import annotations

from typing import NamedTuple

import wasmtime

from edgemesh_sandbox import pages
from edgemesh_sandbox.base import fill
from edgemesh_sandbox.instance import Instance
from edgemesh_sandbox.interpreter import Interpreter
from edgemesh_sandbox.memory import GuestMemory
from edgemesh_sandbox.pages import Ranges
from edgemesh_sandbox.snapshot import MOST_MEMORY, Snapshot
from edgemesh_sandbox.wasi.world import State


class Change(NamedTuple):
    """What a call has changed."""

    forward: Snapshot
    """The changed pages, the world after it (its files only where they have changed)."""
    back: Snapshot | None
    """What was in their place, where that was wanted."""


class Twin:
    """The memory and the world's state after the last call that was kept."""

    def __init__(self, interpreter: Interpreter, snapshot: Snapshot | None, state: State) -> None:
        self._interpreter = interpreter
        self.state = state
        """The world's."""
        self._store = wasmtime.Store(interpreter.engine)
        self._memory = GuestMemory(self._store, interpreter.memory_of(self._store))
        self._pages: pages.Pages | None = None
        if pages.supported():
            self._pages = pages.Pages(self._memory.base, interpreter.image_bytes, MOST_MEMORY)
        if snapshot is not None:
            fill(self._memory, snapshot, snapshot.memory_bytes)

    def follow(self, instance: Instance, *, back: bool = True) -> Change:
        """Be what `instance` is now; what has changed, and if wanted what was in its place."""
        size, before = instance.memory.size(), self._memory.size()
        self._memory.grow_to(size)
        mine, its = self._memory, instance.memory
        runs = pages.differing(its.base, mine.base, instance.touched())
        state = instance.world.state(self.state)
        runs = pages.grains(self._of(its, runs), self._of(mine, runs), runs)
        old, new = self._of(mine, runs) if back else b"", self._of(its, runs)
        for begin, end in runs:
            mine.write(begin, its.view(begin, end - begin))
        same = state.files == self.state.files
        files = (b"", b"") if same else (state.files, self.state.files)
        forward = self._snapshot(size, runs, new, State(state.clocks, files[0]))
        past = self._snapshot(before, runs, old, State(self.state.clocks, files[1]))
        self.state = state
        return Change(forward, past if back else None)

    def snapshot(self) -> Snapshot:
        """All of it, over the image."""
        size, base = self._memory.size(), self._interpreter.base
        found = self._pages.all_private(size) if self._pages else pages.pieces(size)
        near, far = pages.split(found, base.nbytes)
        runs = pages.differing(self._memory.base, base.address, near)
        runs += pages.nonzero(self._memory.base, far)
        return self._snapshot(size, runs, self._of(self._memory, runs), self.state)

    def close(self) -> None:
        """Give it back."""
        self._store.close()

    def _snapshot(self, size: int, runs: Ranges, data: bytes, state: State) -> Snapshot:
        interpreter = self._interpreter
        return Snapshot(interpreter.digest, size, tuple(runs), data, *state, interpreter.recipe)

    def _of(self, memory: GuestMemory, runs: Ranges) -> bytes:
        return b"".join([memory.view(begin, end - begin) for begin, end in runs])

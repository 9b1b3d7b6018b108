"""What all instances of a process share: engine, compiled code, image, and clock.

Rules: loaded once per process, from artefacts that were checked; nothing is compiled here, and no
thread is started before the first program, so that an embedder can confine the process until then.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import wasmtime

from edgemesh_sandbox import hostcalls, pages, wasi
from edgemesh_sandbox.base import Base
from edgemesh_sandbox.built import find_built
from edgemesh_sandbox.code import COMPILED
from edgemesh_sandbox.engine import MOST_STACK_BYTES, STACK_BYTES, load, new_engine
from edgemesh_sandbox.errors import ArtifactError
from edgemesh_sandbox.guest.layout import BLOCK_BYTES
from edgemesh_sandbox.image import (
    BASE,
    BLOCK,
    DIGEST,
    IMAGE,
    MEMORY_BYTES,
    RANDOM_STATES,
    ImageName,
)
from edgemesh_sandbox.processor import check
from edgemesh_sandbox.ticker import Ticker

TABLE_ELEMENTS = 100_000
"""CPython's own table has some 90,000."""


class Interpreter:
    """The compiled Python of a process; raises `ArtifactError` unless set-up has been run."""

    def __init__(
        self,
        images: Path,
        image: ImageName = BASE,
        *,
        metered: bool = False,
        stack_bytes: int = STACK_BYTES,
        table_elements: int = TABLE_ELEMENTS,
    ) -> None:
        if not STACK_BYTES // 8 <= stack_bytes <= MOST_STACK_BYTES:
            raise ValueError(f"stack_bytes must be 4 to 64 MiB, not {stack_bytes}")
        self.engine = new_engine(
            threads=False, metered=metered, stack_bytes=stack_bytes, processor=check(images)
        )
        self.stack_bytes = stack_bytes
        """The guest's own stack on the native one."""
        self.table_elements = table_elements
        """The most that a table of the guest's may have."""
        self.metered = metered
        """Whether fuel is counted."""
        self.recipe = str(image)
        """What the image is called."""
        try:
            built = find_built(self.engine, images, image)
        except ArtifactError as error:
            options = f"{' --metered' if metered else ''}{f' --image {image}' * (image != BASE)}"
            hint = f"run `python -m edgemesh_sandbox.setup{options}`"
            raise ArtifactError(error.path, f"{error.reason}; {hint}") from None
        self.block = _number(built.image.facts, BLOCK, built.image.folder)
        """Where the guest's block lies in its memory."""
        self.image_bytes = _number(built.image.facts, MEMORY_BYTES, built.image.folder)
        """Size of the memory that every instance starts with."""
        self.digest = str(built.image.facts.get(DIGEST))
        """The image's digest: snapshots lie over this one and no other."""
        if self.block + BLOCK_BYTES > self.image_bytes:
            raise ArtifactError(built.image.folder, "its block lies outside of its memory")
        self.random_states: list[tuple[int, int]] = built.image.facts[RANDOM_STATES]
        """Where the guest's random generators keep their words and their position."""
        self._code = load(self.engine, built.code.path(COMPILED))
        self._image = load(self.engine, built.image.path(IMAGE))
        self._linker = wasmtime.Linker(self.engine)
        self._linker.allow_shadowing = True  # of one instance's memory by the next one's
        self._linking = threading.Lock()  # the linker names one store's memory at a time
        self._functions = wasi.define(self._linker, self._code, hostcalls.FUNCTIONS)
        self.ticker = Ticker(self.engine)
        pages.supported()
        self.base = Base(self)
        """The image, from which instances start."""

    def instantiate(self, store: wasmtime.Store) -> tuple[wasmtime.Memory, Mapping[str, Any]]:
        """A fresh copy of the image in `store`: its memory and the code's exports."""
        memory = self.memory_of(store)
        with self._linking:
            self._linker.define(store, "env", "memory", memory)
            instance = self._linker.instantiate(store, self._code)
        return memory, instance.exports(store)

    def close(self) -> None:
        """Stop the clock. Instances must be closed before."""
        self.ticker.close()
        self.base.close()

    @property
    def image(self) -> memoryview:
        """The image's bytes."""
        return self.base.view

    def memory_of(self, store: wasmtime.Store) -> wasmtime.Memory:
        """A memory in `store` that is the image."""
        instance = wasmtime.Instance(store, self._image, [])
        return cast(wasmtime.Memory, instance.exports(store)["memory"])


def _number(facts: Mapping[str, Any], name: str, folder: Path) -> int:
    value = facts.get(name)
    if not isinstance(value, int) or value <= 0:
        raise ArtifactError(folder, f"its manifest does not say {name}")
    return value

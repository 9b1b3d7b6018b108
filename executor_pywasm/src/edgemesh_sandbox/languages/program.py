"""An interpreter of another language, started from a memory image as Python is.

Rules: its module is split into code and memory, compiled at set-up and prepared there in a world of
fixed clocks; what lies in its memory and in its globals then is where every run starts. The module
is pinned by hash, so what it imports and is called by is known, and not asked for anew.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import wasmtime

from edgemesh_sandbox import wasi
from edgemesh_sandbox.cache import Artifact, find, publish
from edgemesh_sandbox.engine import STACK_BYTES, fingerprint, load, new_engine
from edgemesh_sandbox.errors import ArtifactError, SetupError
from edgemesh_sandbox.limits import Limits
from edgemesh_sandbox.modules.imports import FUNCTIONS
from edgemesh_sandbox.modules.run import ModuleRun
from edgemesh_sandbox.processor import check
from edgemesh_sandbox.stack import on_deep_stack
from edgemesh_sandbox.ticker import Ticker
from edgemesh_sandbox.wasi import Functions, World
from edgemesh_sandbox.wasi.calls import HostFunction
from edgemesh_sandbox.wasi.clocks import FixedClock
from edgemesh_sandbox.wasm import data_pages, function_names, page_runs, split
from edgemesh_sandbox.wasm.leb128 import encode_unsigned
from edgemesh_sandbox.wasm.memory import (
    WASM_PAGE,
    constant_segment,
    memory_module,
    memory_type,
)
from edgemesh_sandbox.wasm.split import GLOBAL

TABLE_ELEMENTS = 100_000
_CODE, _IMAGE = "code.cwasm", "image.cwasm"
_MEMORY_BYTES, _GLOBALS, _FACTS = "memory_bytes", "globals", "facts"
_RECIPE = 2  # counts up when what is written changes for the same inputs
_SETUP_LIMITS = Limits(run_time_ms=300_000, memory_bytes=1 << 30)

Prepare = Callable[[ModuleRun, Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a language's interpreter is made."""

    name: str
    pin: str
    """The module's SHA-256."""
    fetch: Callable[[Path], bytes]
    """The module, given a folder for what it needs meanwhile. Raises `SetupError`."""
    prepare: Prepare
    """Makes it ready for a program, and says what its runs need to know."""
    sources: tuple[str, ...]
    """What it is prepared with."""
    functions: tuple[str, ...] = ()
    """Further functions that its runs call, by the names that its module has for debugging."""
    imports: Functions = field(default_factory=dict[tuple[str, str], HostFunction])
    """What it imports beside WASI."""
    others: HostFunction | None = None
    """What stands for all that it imports beside these; None: there is nothing."""

    def folder(self, images: Path, engine: wasmtime.Engine) -> Path:
        """Where it lies when it is made."""
        parts = (str(_RECIPE), fingerprint(engine), self.pin, *self.sources, *self.functions)
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        return images / f"{self.name}-{digest[:16]}"


class Program:
    """An interpreter that is ready to run; what a `ModuleRun` is an instance of."""

    instances = 2

    def __init__(self, images: Path, recipe: Recipe, stack_bytes: int = STACK_BYTES) -> None:
        """Raises `ArtifactError` unless it was made before."""
        self.engine = new_engine(threads=False, stack_bytes=stack_bytes, processor=check(images))
        self.stack_bytes = stack_bytes
        built = find(recipe.folder(images, self.engine))
        self.facts = cast(dict[str, Any], built.facts[_FACTS])
        """What was found out when it was made."""
        self.base_bytes = int(built.facts[_MEMORY_BYTES])
        self._globals = cast(dict[str, int], built.facts[_GLOBALS])
        self._code = load(self.engine, built.path(_CODE))
        self._image = load(self.engine, built.path(_IMAGE))
        self._linked = _Linked(self.engine, self._code, recipe)
        self.ticker = Ticker(self.engine)

    def instantiate(self, store: wasmtime.Store) -> Mapping[str, Any]:
        """The exports of a new instance."""
        exports = self._linked.instantiate(store, self._image)
        for name, value in self._globals.items():
            exports[name].set_value(store, value)
        return exports

    def close(self) -> None:
        """Stop its clock; no run may be going on."""
        self.ticker.close()


def make(images: Path, recipe: Recipe) -> Artifact:
    """Find or make it; takes seconds to minutes. Raises `SetupError`."""
    engine = new_engine(processor=check(images))
    folder = recipe.folder(images, engine)
    try:
        return find(folder)
    except ArtifactError:
        return publish(folder, lambda draft: _write(draft, engine, recipe))


def _write(draft: Path, engine: wasmtime.Engine, recipe: Recipe) -> Mapping[str, Any]:
    module = recipe.fetch(draft.parent)
    if hashlib.sha256(module).hexdigest() != recipe.pin:
        raise SetupError(f"fetching {recipe.name}", "it is not the pinned one")
    names = function_names(module) if recipe.functions else {}
    missing = [name for name in recipe.functions if name not in names]
    if missing:
        raise SetupError(f"making {recipe.name}", f"it has no {', '.join(missing)}")
    parts = split(module, functions={name: names[name] for name in recipe.functions}, state=True)
    code = wasmtime.Module(engine, parts.code)
    (draft / _CODE).write_bytes(code.serialize())
    first = wasmtime.Module(engine, parts.memory)

    def prepared() -> tuple[bytes, Mapping[str, Any]]:
        return _prepare(engine, code, first, recipe)

    image, facts = on_deep_stack(prepared)
    (draft / _IMAGE).write_bytes(wasmtime.Module(engine, image).serialize())
    return facts


def _prepare(
    engine: wasmtime.Engine, code: wasmtime.Module, first: wasmtime.Module, recipe: Recipe
) -> tuple[bytes, Mapping[str, Any]]:
    """The image, and what is known of it."""
    world = World(deterministic=True)
    world.clock = FixedClock(uptime=0)
    world.environment, world.arguments = (), (recipe.name.encode(),)
    ticker = Ticker(engine)
    source = _First(engine, code, first, recipe)
    run = ModuleRun(
        source, _SETUP_LIMITS, math.inf, None, None, world, b"",
        ticker=ticker, table_elements=TABLE_ELEMENTS,
    )  # fmt: skip
    try:
        exports = run.instantiate()
        facts = recipe.prepare(run, exports)
        size = run.memory.size()
        kept = {
            name: export.value(run.store)
            for name, export in exports.items()
            if isinstance(export, wasmtime.Global) and name.startswith(GLOBAL)
        }
        image = _image(run.memory.view(0, size))
    except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
        run.output.close()
        said = run.output.text(1).strip() or str(error)
        raise SetupError(f"making {recipe.name}", said[-2000:]) from error
    finally:
        run.close()
        ticker.close()
    return image, {_MEMORY_BYTES: size, _GLOBALS: kept, _FACTS: dict(facts)}


def _image(memory: memoryview) -> bytes:
    """The module of this memory; Wasmtime maps one copy-on-write that is at least half full."""
    filled = sum(end - start for start, end in page_runs(memory))
    if 2 * filled > len(memory):
        return data_pages(memory)
    whole = encode_unsigned(1) + constant_segment(0, memory)
    return memory_module(memory_type(len(memory) // WASM_PAGE), whole)


class _Linked:
    """The code with its imports, but for its memory."""

    def __init__(self, engine: wasmtime.Engine, code: wasmtime.Module, recipe: Recipe) -> None:
        self._code = code
        self._linker = wasmtime.Linker(engine)
        self._linker.allow_shadowing = True  # of one instance's memory by the next one's
        self._linking = threading.Lock()  # the linker names one store's memory at a time
        functions = {**FUNCTIONS, **recipe.imports}
        if recipe.others is not None:
            for wanted in code.imports:
                functions.setdefault((wanted.module, wanted.name or ""), recipe.others)
        self._functions = wasi.define(self._linker, code, functions)

    def instantiate(self, store: wasmtime.Store, image: wasmtime.Module) -> Mapping[str, Any]:
        memory = wasmtime.Instance(store, image, []).exports(store)["memory"]
        with self._linking:
            self._linker.define(store, "env", "memory", memory)
            instance = self._linker.instantiate(store, self._code)
        return cast(Mapping[str, Any], instance.exports(store))


class _First:
    """An interpreter that was never started."""

    instances = 2
    base_bytes = 0

    def __init__(
        self,
        engine: wasmtime.Engine,
        code: wasmtime.Module,
        memory: wasmtime.Module,
        recipe: Recipe,
    ) -> None:
        self.engine = engine
        self._memory = memory
        self._linked = _Linked(engine, code, recipe)

    def instantiate(self, store: wasmtime.Store) -> Mapping[str, Any]:
        return self._linked.instantiate(store, self._memory)

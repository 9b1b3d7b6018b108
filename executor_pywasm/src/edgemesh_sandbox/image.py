"""The base image: the memory of a Python that has everything imported and warmed.

Rules: a Python is its linear memory (the module has one mutable global, the stack pointer, which
is the same before and after a call, and its table never grows), so the memory of one that was
prepared here is where every program's starts. Preparing it is the only time that a guest sees
files, and those are the library's own.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, cast

import wasmtime

from edgemesh_sandbox import wasm
from edgemesh_sandbox.cache import Artifact, publish
from edgemesh_sandbox.code import COMPILED, FIRST_MEMORY
from edgemesh_sandbox.distribution import LIBRARY, PINS
from edgemesh_sandbox.engine import load
from edgemesh_sandbox.errors import SetupError
from edgemesh_sandbox.guest import layout
from edgemesh_sandbox.memory import GuestMemory
from edgemesh_sandbox.stack import on_deep_stack

IMAGE = "image.cwasm"
BLOCK = "block"
"""Among the image's facts: where the block lies in the guest's memory."""
MEMORY_BYTES = "memory_bytes"
"""Among the image's facts: the size of that memory."""

RANDOM_STATES = "random_states"
"""Among the image's facts: where the random generators' words and positions lie."""

_RECIPE = 1  # counts up when what is written changes for the same inputs
_STEP = "making the base image"
_LIBRARY_FOLDER = "/usr/local/lib"
_LIBRARY_PATH = f"{_LIBRARY_FOLDER}/python315.zip"
_PLOT_DATA = "matplotlib/mpl-data"

_INSTALL = """
import importlib.abc, importlib.machinery, sys
class _Guest(importlib.abc.Loader):
    sources = {sources!r}
    def find_spec(self, name, path=None, target=None):
        if name in self.sources:
            return importlib.machinery.ModuleSpec(name, self, is_package=name == "_edgemesh")
    def exec_module(self, module):
        name = module.__spec__.name
        exec(compile(self.sources[name], "<" + name + ">", "exec"), module.__dict__)
finder = _Guest()
sys.meta_path.insert(0, finder)
from _edgemesh import image
sys.meta_path.remove(finder)
sys.meta_path.append(finder)
image.prepare({library!r})
sys.meta_path.remove(finder)
"""


def guest_sources() -> dict[str, str]:
    """The source of every module that is installed in the guest, by its name there."""
    sources: dict[str, str] = {}
    for file in resources.files("edgemesh_sandbox.guest").iterdir():
        if file.name.endswith(".py"):
            stem = file.name.removesuffix(".py")
            name = "_edgemesh" if stem == "__init__" else f"_edgemesh.{stem}"
            sources[name] = file.read_text(encoding="utf-8")
    return dict(sorted(sources.items()))


def image_folder(images: Path, code: Path) -> Path:
    """Where the base image over this code module lies."""
    parts = (str(_RECIPE), code.name, PINS[LIBRARY], json.dumps(guest_sources()))
    return images / f"base-{hashlib.sha256(':'.join(parts).encode()).hexdigest()[:16]}"


def make_image(
    folder: Path, engine: wasmtime.Engine, code: Artifact, distribution: Artifact
) -> Artifact:
    """Prepare a Python and publish its memory as `folder`; raises `SetupError`."""

    def write(draft: Path) -> Mapping[str, Any]:
        raw, facts = _prepare(engine, code, distribution.path(LIBRARY))
        image = wasmtime.Module(engine, wasm.data_pages(raw)).serialize()
        (draft / IMAGE).write_bytes(image)
        return facts

    return publish(folder, lambda draft: on_deep_stack(lambda: write(draft)))


def _prepare(
    engine: wasmtime.Engine, code: Artifact, library: Path
) -> tuple[memoryview, dict[str, Any]]:
    """The memory of a prepared Python, and what it tells of itself."""
    told: list[bytes] = []
    with tempfile.TemporaryDirectory(prefix="edgemesh-image.") as scratch:
        folders = _lay_out(Path(scratch), library)
        errors = Path(scratch, "stderr")
        config = wasmtime.WasiConfig()
        config.argv = ["python"]
        config.env = [("HOME", "/"), ("TMPDIR", "/tmp"), ("PYTHONTZPATH", "")]  # noqa: S108
        config.stdout_file = str(errors.with_name("stdout"))
        config.stderr_file = str(errors)
        for host, guest, writable in folders:
            config.preopen_dir(str(host), guest, writable)
        store = wasmtime.Store(engine)
        store.set_epoch_deadline(1 << 62)
        store.set_wasi(config)
        guest = _instantiate(store, engine, code, told)
        source = _INSTALL.format(sources=guest_sources(), library=_LIBRARY_PATH).encode()
        status = guest.turn(source)
        if status or not told:
            lines = errors.read_text(errors="replace").strip().splitlines() or ["no reason given"]
            raise SetupError(_STEP, f"the guest failed: {lines[-1]}")
    facts = cast(dict[str, Any], json.loads(told[0]))
    if facts["problems"]:
        raise SetupError(_STEP, "; ".join(facts["problems"]))
    raw = guest.memory.view(0, guest.memory.size())
    if guest.memory.word(facts[BLOCK]) != layout.MAGIC:
        raise SetupError(_STEP, "the guest's block is not where it said")
    return raw, {**facts, MEMORY_BYTES: len(raw)}


def _lay_out(scratch: Path, library: Path) -> list[tuple[Path, str, bool]]:
    """The folders that the guest sees while it is prepared: (ours, its, writable)."""
    root, lib, plots = scratch / "root", scratch / "lib", scratch / "plots"
    (root / "tmp").mkdir(parents=True)
    lib.mkdir()
    shutil.copyfile(library, lib / os.path.basename(_LIBRARY_PATH))
    with zipfile.ZipFile(library) as archive:
        inner = archive.read(f"{_PLOT_DATA}.zip")
    with zipfile.ZipFile(io.BytesIO(inner)) as archive:
        archive.extractall(plots)
    return [
        (root, "/", True),
        (lib, _LIBRARY_FOLDER, False),
        (plots, f"{_LIBRARY_PATH}/{_PLOT_DATA}", False),
    ]


class _Guest:
    """A Python that is being prepared."""

    def __init__(self, store: wasmtime.Store, memory: GuestMemory, exports: Any) -> None:
        self._store, self.memory = store, memory
        self._turn, self._allocate = exports["turn"], exports["host_alloc"]
        exports["_initialize"](store)

    def turn(self, source: bytes) -> int:
        address = self._allocate(self._store, len(source)) & 0xFFFF_FFFF
        self.memory.write(address, source)
        return self._turn(self._store, address, len(source))


def _instantiate(
    store: wasmtime.Store, engine: wasmtime.Engine, code: Artifact, told: list[bytes]
) -> _Guest:
    module = load(engine, code.path(COMPILED))
    first = wasmtime.Module(engine, code.path(FIRST_MEMORY).read_bytes())
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    memory_export = wasmtime.Instance(store, first, []).exports(store)["memory"]
    memory = GuestMemory(store, cast(wasmtime.Memory, memory_export))

    def tell(address: int, length: int, _reply: int, _reply_length: int) -> int:
        told.append(bytes(memory.view(address & 0xFFFF_FFFF, length)))
        return -1  # the guest expects no reply

    kind = next(i.type for i in module.imports if (i.module, i.name) == ("host", "call"))
    linker.define_func("host", "call", cast(wasmtime.FuncType, kind), tell)
    linker.define(store, "env", "memory", memory_export)
    return _Guest(store, memory, linker.instantiate(store, module).exports(store))

"""Images: the memory of a Python that has everything imported and warmed.

Rules: a Python is its linear memory (the module has one mutable global, the stack pointer, which
is the same before and after a call, and its table never grows), so the memory of one that was
prepared here is where every program's starts. Preparing it is the only time that a guest sees
files, and those are the library's own.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import zipfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal, cast

import wasmtime

from edgemesh_sandbox import wasi, wasm
from edgemesh_sandbox.cache import Artifact, publish
from edgemesh_sandbox.code import COMPILED, FIRST_MEMORY
from edgemesh_sandbox.distribution import LIBRARY, PINS
from edgemesh_sandbox.engine import load
from edgemesh_sandbox.errors import SetupError
from edgemesh_sandbox.guest import layout
from edgemesh_sandbox.limits import MOST_FUEL
from edgemesh_sandbox.memory import GuestMemory
from edgemesh_sandbox.output import Output
from edgemesh_sandbox.stack import on_deep_stack
from edgemesh_sandbox.wasi import World
from edgemesh_sandbox.wasi.clocks import FixedClock
from edgemesh_sandbox.watch import Watch

ImageName = Literal["base", "slim"]
BASE: ImageName = "base"
"""Everything is imported."""
SLIM: ImageName = "slim"
"""The standard library is imported; the packages are there, and imported by who wants them."""

IMAGE = "image.cwasm"
BLOCK = "block"
"""Among the image's facts: where the block lies in the guest's memory."""
MEMORY_BYTES = "memory_bytes"
"""Among the image's facts: the size of that memory."""

DIGEST = "sha256"
"""Among the image's facts: the digest of that memory, the same wherever it is made."""

RANDOM_STATES = "random_states"
"""Among the image's facts: where the random generators' words and positions lie."""

_RECIPE = 2  # counts up when what is written changes for the same inputs
_STEP = "making the image"
_LIBRARY_PATH = "/usr/local/lib/python315.zip"
_PLOT_DATA = "matplotlib/mpl-data"

_INSTALL = """
import builtins, importlib.abc, importlib.machinery, sys
class _Guest(importlib.abc.Loader):
    sources = {sources!r}
    def find_spec(self, name, path=None, target=None):
        if name in self.sources:
            return importlib.machinery.ModuleSpec(name, self, is_package=name == "_edgemesh")
    def exec_module(self, module):
        name = module.__spec__.name
        module.__builtins__ = dict(builtins.__dict__)  # a program may replace what is in the real
        exec(compile(self.sources[name], "<" + name + ">", "exec"), module.__dict__)
finder = _Guest()
sys.meta_path.insert(0, finder)
from _edgemesh import image
sys.meta_path.remove(finder)
sys.meta_path.append(finder)
image.take_library({library!r})
"""
_PREPARE = """
import sys
finder = sys.meta_path[-1]
from _edgemesh import image
image.prepare({library!r}, science={science})
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


def image_folder(images: Path, code: Path, image: ImageName = BASE) -> Path:
    """Where this image over this code module lies."""
    parts = (str(_RECIPE), code.name, PINS[LIBRARY], json.dumps(guest_sources()))
    return images / f"{image}-{hashlib.sha256(':'.join(parts).encode()).hexdigest()[:16]}"


def make_image(
    folder: Path,
    engine: wasmtime.Engine,
    code: Artifact,
    distribution: Artifact,
    image: ImageName = BASE,
) -> Artifact:
    """Prepare a Python and publish its memory as `folder`; raises `SetupError`."""

    def write(draft: Path) -> Mapping[str, Any]:
        guest, facts = _prepare(engine, code, distribution.path(LIBRARY), image)
        pages = wasm.data_pages(guest.memory.view(0, guest.memory.size()))
        guest.close()
        (draft / IMAGE).write_bytes(wasmtime.Module(engine, pages).serialize())
        return {**facts, DIGEST: hashlib.sha256(pages).hexdigest()}

    return publish(folder, lambda draft: on_deep_stack(lambda: write(draft)))


def _prepare(
    engine: wasmtime.Engine, code: Artifact, library: Path, image: ImageName
) -> tuple[_Guest, dict[str, Any]]:
    """A prepared Python, and what it tells of itself."""
    guest = _Guest(engine, code)
    files = guest.world.files
    files.add(_LIBRARY_PATH, library.read_bytes())
    guest.turn(_INSTALL.format(sources=guest_sources(), library=_LIBRARY_PATH))
    for path, data in _plot_data(library).items():  # from now on the library is a folder
        files.add(f"{_LIBRARY_PATH}/{path}", data)
    guest.turn(_PREPARE.format(library=_LIBRARY_PATH, science=image == BASE))
    if not guest.told:
        raise SetupError(_STEP, "the guest told nothing of itself")
    facts = cast(dict[str, Any], json.loads(guest.told[0]))
    if facts["problems"]:
        raise SetupError(_STEP, "; ".join(facts["problems"]))
    if guest.memory.word(facts[BLOCK]) != layout.MAGIC:
        raise SetupError(_STEP, "the guest's block is not where it said")
    return guest, {**facts, MEMORY_BYTES: guest.memory.size()}


def _plot_data(library: Path) -> dict[str, bytes]:
    """Matplotlib's data, which lies packed in the library and is looked for unpacked."""
    with zipfile.ZipFile(library) as archive:
        inner = archive.read(f"{_PLOT_DATA}.zip")
    with zipfile.ZipFile(io.BytesIO(inner)) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        return {f"{_PLOT_DATA}/{member.filename}": archive.read(member) for member in members}


class _Guest:
    """A Python that is being prepared, in a world where nothing is left to chance."""

    def __init__(self, engine: wasmtime.Engine, code: Artifact) -> None:
        self._store = wasmtime.Store(engine)
        self._store.set_epoch_deadline(1 << 62)
        with contextlib.suppress(wasmtime.WasmtimeError):  # it is not metered
            self._store.set_fuel(MOST_FUEL)
        self.told: list[bytes] = []
        self.output = Output(memoryview(bytearray(layout.BLOCK_BYTES)), 1 << 20, None)
        self.watch = Watch(math.inf, None, self.output, False)
        self.world = World(deterministic=True)
        self.world.clock = FixedClock(uptime=0)
        module = load(engine, code.path(COMPILED))
        first = wasmtime.Module(engine, code.path(FIRST_MEMORY).read_bytes())
        memory = wasmtime.Instance(self._store, first, []).exports(self._store)["memory"]
        self.memory = GuestMemory(self._store, cast(wasmtime.Memory, memory))
        linker = wasmtime.Linker(engine)
        self._functions = wasi.define(linker, module, {**wasi.PREVIEW1, ("host", "call"): _tell})
        linker.define(self._store, "env", "memory", memory)
        self._exports: Any = linker.instantiate(self._store, module).exports(self._store)
        self._call("_initialize")

    def turn(self, source: str) -> None:
        """Run Python source in it; raises `SetupError` where that fails."""
        data = source.encode()
        address = self._call("host_alloc", len(data)) & 0xFFFF_FFFF
        self.memory.write(address, data)
        if self._call("turn", address, len(data)):
            raise SetupError(_STEP, f"the guest failed: {self.last_words() or 'no reason given'}")

    def close(self) -> None:
        """Give its memory back; views of it must not be used any more."""
        self._store.close()

    def last_words(self) -> str:
        """The last line that it wrote."""
        return self.output.text(layout.STDERR).strip().rpartition("\n")[2]

    def _call(self, name: str, *arguments: int) -> int:
        wasi.enter(self)
        try:
            return self._exports[name](self._store, *arguments)
        except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
            raise SetupError(_STEP, f"the guest died: {self.last_words() or error}") from error
        finally:
            wasi.enter(None)
            if self.watch.error is not None:
                raise self.watch.error


def _tell(run: wasi.Running, address: int, length: int, _reply: int, _reply_length: int) -> int:
    assert isinstance(run, _Guest)
    run.told.append(bytes(run.memory.view(address, length)))
    return 0xFFFF_FFFF  # the guest expects no reply

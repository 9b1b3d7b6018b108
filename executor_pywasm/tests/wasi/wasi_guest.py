"""A guest that only passes on what it is asked to call: every function of WASI, by name."""

from __future__ import annotations

import functools
import struct
import time
from typing import Any, cast

import wasmtime

from edgemesh_sandbox import hostcalls, wasi
from edgemesh_sandbox.guest import layout
from edgemesh_sandbox.memory import GuestMemory
from edgemesh_sandbox.output import Output
from edgemesh_sandbox.tools import NO_TOOLS
from edgemesh_sandbox.wasi import World
from edgemesh_sandbox.watch import Watch

PATH, PATH_2, DATA, RESULT = 1024, 8192, 16384, 65536
ROOT = 3

# Parameters of each function; i is 32 bits, l is 64.
SIGNATURES = {
    "args_get": "ii", "args_sizes_get": "ii", "environ_get": "ii", "environ_sizes_get": "ii",
    "clock_res_get": "ii", "clock_time_get": "ili", "fd_advise": "illi", "fd_close": "i",
    "fd_datasync": "i", "fd_fdstat_get": "ii", "fd_fdstat_set_flags": "ii",
    "fd_filestat_get": "ii", "fd_filestat_set_size": "il", "fd_filestat_set_times": "illi",
    "fd_pread": "iiili", "fd_prestat_get": "ii", "fd_prestat_dir_name": "iii",
    "fd_pwrite": "iiili", "fd_read": "iiii", "fd_readdir": "iiili", "fd_seek": "ilii",
    "fd_sync": "i", "fd_tell": "ii", "fd_write": "iiii", "path_create_directory": "iii",
    "path_filestat_get": "iiiii", "path_filestat_set_times": "iiiilli",
    "path_link": "iiiiiii", "path_open": "iiiiillii", "path_readlink": "iiiiii",
    "path_remove_directory": "iii", "path_rename": "iiiiii", "path_symlink": "iiiii",
    "path_unlink_file": "iii", "poll_oneoff": "iiii", "sched_yield": "", "random_get": "ii",
    "sock_accept": "iii", "sock_recv": "iiiiii", "sock_send": "iiiii", "sock_shutdown": "ii",
}  # fmt: skip


def _text() -> str:
    lines = ['(import "host" "call" (func $call (param i32 i32 i32 i32) (result i32)))']
    module = "wasi_snapshot_preview1"
    for name, kinds in SIGNATURES.items():
        parameters = " ".join({"i": "i32", "l": "i64"}[kind] for kind in kinds)
        lines.append(
            f'(import "{module}" "{name}" (func ${name} (param {parameters}) (result i32)))'
        )
    lines.append(f'(import "{module}" "proc_exit" (func $proc_exit (param i32)))')
    names = ["call", "proc_exit", *SIGNATURES]
    lines += [f'(export "{name}" (func ${name}))' for name in names]
    return "(module " + "\n".join(lines) + '(memory (export "memory") 2))'


@functools.cache
def _compiled() -> tuple[wasmtime.Engine, wasmtime.Module, wasmtime.Linker, object]:
    engine = wasmtime.Engine()
    module, linker = wasmtime.Module(engine, _text()), wasmtime.Linker(engine)
    return engine, module, linker, wasi.define(linker, module, hostcalls.FUNCTIONS)


class Guest:
    """Calls of one run, made directly; `text` puts a string where a path is looked for."""

    names = ("call", *(name for name in SIGNATURES if name != "poll_oneoff"))
    """All functions that come back, and at once."""

    def __init__(self, world: World | None = None) -> None:
        engine, module, linker, _ = _compiled()
        self.store = wasmtime.Store(engine)
        self._exports = linker.instantiate(self.store, module).exports(self.store)
        self.memory = GuestMemory(self.store, cast(wasmtime.Memory, self._exports["memory"]))
        self.world = world or World()
        self.tools = NO_TOOLS
        self.output = Output(memoryview(bytearray(layout.BLOCK_BYTES)), 1000, None)
        self.watch = Watch(time.monotonic() + 600, None, self.output, False)

    def __call__(self, name: str, *arguments: int) -> int:
        kinds = SIGNATURES.get(name, "iiii")
        wasi.enter(self)
        try:
            function: Any = self._exports[name]
            widths = [{"i": 32, "l": 64}[kind] for kind in kinds]
            return function(self.store, *map(_signed, arguments, widths))
        finally:
            wasi.enter(None)

    def count(self, name: str) -> int:
        """How many arguments a function takes."""
        return len(SIGNATURES.get(name, "iiii"))

    def text(self, path: str | bytes, at: int = PATH) -> tuple[int, int]:
        data = path.encode() if isinstance(path, str) else path
        self.memory.write(at, data)
        return at, len(data)

    def on_path(self, name: str, path: str | bytes, *more: int) -> int:
        return self(name, ROOT, *self.text(path), *more)

    def open(self, path: str | bytes, *, flags: int = 0, write: bool = False) -> tuple[int, int]:
        """The error and the descriptor."""
        rights = 1 << 1 | int(write) << 6
        error = self("path_open", ROOT, 0, *self.text(path), flags, rights, 0, 0, RESULT)
        return error, self.memory.word(RESULT)

    def write(self, descriptor: int, data: bytes) -> int:
        self.memory.write(DATA + 8, data)
        self.memory.write(DATA, struct.pack("<II", DATA + 8, len(data)))
        return self("fd_write", descriptor, DATA, 1, RESULT)

    def read(self, descriptor: int, size: int) -> tuple[int, bytes]:
        self.memory.write(DATA, struct.pack("<II", DATA + 8, size))
        error = self("fd_read", descriptor, DATA, 1, RESULT)
        return error, bytes(self.memory.view(DATA + 8, self.memory.word(RESULT)))

    def poll(self, *subscriptions: bytes) -> tuple[int, list[tuple[int, int, int]]]:
        """The error, and of each event: userdata, error, type."""
        self.memory.write(PATH, b"".join(subscriptions))
        error = self("poll_oneoff", PATH, PATH_2, len(subscriptions), RESULT)
        count = self.memory.word(RESULT)
        events = bytes(self.memory.view(PATH_2, 32 * count))
        return error, [e[:3] for e in struct.iter_unpack("<QHB21x", events)]


def _signed(number: int, width: int) -> int:
    number &= (1 << width) - 1
    return number - (number >> width - 1 << width)

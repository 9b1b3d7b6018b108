"""What a module may import: WASI preview 1, and functions of `env` that a call asks for.

    env.log(address, length)        a line of UTF-8 on stderr
    env.alloc(bytes) -> address     memory that grows behind the module's own; 0: there is none
    env.abort(message, file, line, column)   as AssemblyScript calls it: the run ends, EXCEPTION

Rules: a module's imports are looked at before it is compiled; one that is not offered, or has
another type, is refused with what is offered. All of WASI's functions are those of `wasi/`, but for
what is read from stdin, which is the call's own.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable
from typing import Protocol, cast

from edgemesh_sandbox.errors import InputError
from edgemesh_sandbox.guest.layout import STDERR
from edgemesh_sandbox.memory import OutOfBounds
from edgemesh_sandbox.modules.interface import KINDS, Import
from edgemesh_sandbox.wasi import PREVIEW1, Functions, Running
from edgemesh_sandbox.wasi.calls import HostFunction
from edgemesh_sandbox.wasi.errors import Errno, ProgramExit, WasiError

WASI = "wasi_snapshot_preview1"
ENV = "env"
HOST_FUNCTIONS = ("env.log", "env.alloc", "env.abort")
"""What a call may ask for."""

_STDIN = 0
_ABORTED = 134  # the status of a program that aborted
_MOST_TEXT = 4096
_MOST_NAMED = 16
_VECTOR = struct.Struct("<II")
_MOST_VECTORS = 1024


class Module(Running, Protocol):
    """What host functions know of a module's run."""

    stdin: memoryview
    """What is left of it."""
    aborted: str | None

    def allocate(self, nbytes: int) -> int:
        """The address of so many bytes behind the module's own; 0: there is no room."""
        ...


def _fd_read(run: Running, descriptor: int, vectors: int, count: int, done: int) -> int:
    if descriptor != _STDIN:
        return PREVIEW1[WASI, "fd_read"](run, descriptor, vectors, count, done)
    if count > _MOST_VECTORS:
        raise WasiError(Errno.INVAL)
    module = cast(Module, run)
    raw = bytes(run.memory.view(vectors, _VECTOR.size * count))
    total = 0
    for address, size in _VECTOR.iter_unpack(raw):
        part, module.stdin = module.stdin[:size], module.stdin[size:]
        run.memory.write(address, part)
        total += len(part)
    run.memory.write(done, struct.pack("<I", total))
    return Errno.SUCCESS


def _fd_renumber(run: Running, descriptor: int, to: int) -> int:
    run.world.descriptors.renumber(descriptor, to)
    return Errno.SUCCESS


def _fd_allocate(run: Running, descriptor: int, offset: int, length: int) -> int:
    _, file = run.world.descriptors.writable(descriptor)
    file.resize(max(file.size, offset + length))
    return Errno.SUCCESS


def _fd_fdstat_set_rights(run: Running, descriptor: int, _base: int, _inheriting: int) -> int:
    run.world.descriptors.get(descriptor)
    return Errno.SUCCESS


def _proc_raise(_run: Running, signal: int) -> int:
    raise ProgramExit(128 + (signal & 0x7F))


def _log(run: Running, address: int, length: int) -> int:
    text = bytes(run.memory.view(address, length)[: run.output.room + 1])
    run.output.write(STDERR, text + b"\n")
    run.watch.should_stop()
    return 0


def _alloc(run: Running, nbytes: int) -> int:
    return cast(Module, run).allocate(nbytes)


def _abort(run: Running, message: int, file: int, line: int, column: int) -> int:
    said, where = _wide_text(run, message), _wide_text(run, file)
    cast(Module, run).aborted = f"{said or 'abort'} ({where}:{line}:{column})" if where else said
    raise ProgramExit(_ABORTED)


def _wide_text(run: Running, address: int) -> str:
    """A string of AssemblyScript's: UTF-16, its length in bytes in the word before it."""
    try:
        size = run.memory.word(address - 4) if address >= 4 else 0
        return bytes(run.memory.view(address, min(size, _MOST_TEXT))).decode("utf-16-le", "replace")
    except OutOfBounds:
        return ""


_OWN: dict[tuple[str, str], HostFunction] = {
    (WASI, "fd_read"): _fd_read,
    (WASI, "fd_renumber"): _fd_renumber,
    (WASI, "fd_allocate"): _fd_allocate,
    (WASI, "fd_fdstat_set_rights"): _fd_fdstat_set_rights,
    (WASI, "proc_raise"): _proc_raise,
    (ENV, "log"): _log,
    (ENV, "alloc"): _alloc,
    (ENV, "abort"): _abort,
}
FUNCTIONS: Functions = {**PREVIEW1, **_OWN}

# i: 32 bits, I: 64 bits; every function of WASI answers with 32 bits but for `proc_exit`.
_TYPES = {
    (WASI, name): kinds
    for kinds, names in {
        "": "sched_yield",
        "i": "fd_close fd_datasync fd_sync proc_exit proc_raise",
        "ii": "args_get args_sizes_get clock_res_get environ_get environ_sizes_get fd_fdstat_get "
        "fd_fdstat_set_flags fd_filestat_get fd_prestat_get fd_renumber fd_tell random_get "
        "sock_shutdown",
        "iI": "fd_filestat_set_size",
        "iIi": "clock_time_get",
        "iII": "fd_allocate fd_fdstat_set_rights",
        "iIIi": "fd_advise fd_filestat_set_times",
        "iii": "fd_prestat_dir_name path_create_directory path_remove_directory path_unlink_file "
        "sock_accept",
        "iiii": "fd_read fd_write poll_oneoff",
        "iIii": "fd_seek",
        "iiiIi": "fd_pread fd_pwrite fd_readdir",
        "iiiii": "path_filestat_get path_symlink sock_send",
        "iiiiii": "path_readlink path_rename sock_recv",
        "iiiiIIi": "path_filestat_set_times",
        "iiiiiii": "path_link",
        "iiiiiIIii": "path_open",
    }.items()
    for name in names.split()
} | {(ENV, "log"): "ii", (ENV, "alloc"): "i", (ENV, "abort"): "iiii"}
_NO_RESULT = {(WASI, "proc_exit"), (ENV, "log"), (ENV, "abort")}
_LETTERS = {"i32": "i", "i64": "I"}


def check_imports(imports: Iterable[Import], asked: Collection[str]) -> None:
    """Refuse a module that imports what is not offered; `asked`: some of `HOST_FUNCTIONS`.

    Raises `InputError`, which names every such import and what is offered.
    """
    wrong = list(dict.fromkeys(_wrong(imports, asked)))
    if wrong:
        more = f", and {len(wrong) - _MOST_NAMED} more" if len(wrong) > _MOST_NAMED else ""
        offered = ", ".join([f"{WASI}.*", *sorted(asked)])
        not_asked = ", ".join(name for name in HOST_FUNCTIONS if name not in asked)
        on_request = f"; on request (host_functions): {not_asked}" if not_asked else ""
        named = ", ".join(wrong[:_MOST_NAMED])
        raise InputError("module", f"it imports {named}{more}; offered: {offered}{on_request}")


def _wrong(imports: Iterable[Import], asked: Collection[str]) -> Iterable[str]:
    for wanted in imports:
        place = (wanted.module, wanted.name)
        shown = f"{wanted.module[:64]}.{wanted.name[:64]}"
        kinds = _TYPES.get(place)
        if kinds is None or (place[0] == ENV and shown not in asked):
            yield shown
        elif wanted.signature is None:
            yield f"{shown} (as a {KINDS[wanted.kind]})"
        else:
            given = "".join(_LETTERS.get(kind, "?") for kind in wanted.signature.params)
            results = () if place in _NO_RESULT else ("i32",)
            if given != kinds or wanted.signature.results != results:
                yield f"{shown} (with another type)"

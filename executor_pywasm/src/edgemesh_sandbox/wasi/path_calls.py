"""Calls by path: open, make, remove, rename, ask.

Rules: a path is UTF-8 and relative to an open folder; `..` leads up to the root and no further.
There are no links: making one is not permitted, and reading one finds none.
"""
# ruff: noqa: D103 - WASI names these functions and says what they do

from __future__ import annotations

import struct

from edgemesh_sandbox.wasi.calls import Running
from edgemesh_sandbox.wasi.descriptor_calls import described, set_times
from edgemesh_sandbox.wasi.descriptors import Descriptor
from edgemesh_sandbox.wasi.errors import Errno, WasiError
from edgemesh_sandbox.wasi.files import DOTS, MOST_PATH, Place
from edgemesh_sandbox.wasi.layout import DescriptorFlags, OpenFlags, Rights
from edgemesh_sandbox.wasi.nodes import File, Folder, Node


def path_open(
    run: Running,
    base: int,
    _lookup: int,
    path: int,
    length: int,
    open_flags: int,
    rights: int,
    _inherited: int,
    flags: int,
    result: int,
) -> int:
    run.memory.view(result, 4)
    wanted = OpenFlags(open_flags & 0xF)
    readable, writable = bool(rights & Rights.FD_READ), bool(rights & Rights.FD_WRITE)
    place = _place(run, base, path, length)
    node = place.node
    if OpenFlags.CREATE in wanted and place.as_folder:
        raise WasiError(Errno.ISDIR)
    if OpenFlags.CREATE in wanted and place.name in DOTS:
        raise WasiError(Errno.EXIST if OpenFlags.EXCLUSIVE in wanted else Errno.ISDIR)
    if node is None:
        if OpenFlags.CREATE not in wanted or OpenFlags.DIRECTORY in wanted:
            raise WasiError(Errno.NOENT)
        node = run.world.files.create(place)
    elif OpenFlags.CREATE | OpenFlags.EXCLUSIVE in wanted:
        raise WasiError(Errno.EXIST)
    elif isinstance(node, Folder):
        if writable or OpenFlags.CREATE in wanted or OpenFlags.TRUNCATE in wanted:
            raise WasiError(Errno.ISDIR)
    elif OpenFlags.DIRECTORY in wanted or place.as_folder:
        raise WasiError(Errno.NOTDIR)
    if isinstance(node, File):
        if (writable or OpenFlags.TRUNCATE in wanted) and not node.writable:
            raise WasiError(Errno.ROFS)
        if OpenFlags.TRUNCATE in wanted:
            node.resize(0)
            node.touch(run.world.clock.stamp())
    append = bool(flags & DescriptorFlags.APPEND)
    opened = Descriptor(node, readable=readable, writable=writable, append=append)
    number = run.world.descriptors.open(opened)
    run.memory.write(result, struct.pack("<I", number))
    return Errno.SUCCESS


def path_create_directory(run: Running, base: int, path: int, length: int) -> int:
    run.world.files.make_folder(_place(run, base, path, length))
    return Errno.SUCCESS


def path_remove_directory(run: Running, base: int, path: int, length: int) -> int:
    run.world.files.remove_folder(_place(run, base, path, length))
    return Errno.SUCCESS


def path_unlink_file(run: Running, base: int, path: int, length: int) -> int:
    run.world.files.unlink(_place(run, base, path, length))
    return Errno.SUCCESS


def path_rename(
    run: Running, base: int, path: int, length: int, new_base: int, new: int, new_length: int
) -> int:
    old = _place(run, base, path, length)
    run.world.files.rename(old, _place(run, new_base, new, new_length))
    return Errno.SUCCESS


def path_filestat_get(
    run: Running, base: int, _lookup: int, path: int, length: int, status: int
) -> int:
    run.memory.write(status, described(_find(run, base, path, length)))
    return Errno.SUCCESS


def path_filestat_set_times(
    run: Running,
    base: int,
    _lookup: int,
    path: int,
    length: int,
    accessed: int,
    changed: int,
    flags: int,
) -> int:
    set_times(run, _find(run, base, path, length), accessed, changed, flags)
    return Errno.SUCCESS


def path_link(
    run: Running,
    base: int,
    _lookup: int,
    path: int,
    length: int,
    new_base: int,
    new: int,
    new_length: int,
) -> int:
    _find(run, base, path, length)
    return _no_link(_place(run, new_base, new, new_length))


def path_symlink(run: Running, _target: int, _size: int, base: int, path: int, length: int) -> int:
    return _no_link(_place(run, base, path, length))


def path_readlink(
    run: Running, base: int, path: int, length: int, _buffer: int, _size: int, _used: int
) -> int:
    _find(run, base, path, length)
    raise WasiError(Errno.INVAL)


def _no_link(place: Place) -> int:
    if place.node is not None:
        raise WasiError(Errno.EXIST)
    place.folder.writing()
    raise WasiError(Errno.PERM)


def _find(run: Running, base: int, path: int, length: int) -> Node:
    return run.world.files.find(run.world.descriptors.folder(base), _text(run, path, length))


def _place(run: Running, base: int, path: int, length: int) -> Place:
    return run.world.files.place(run.world.descriptors.folder(base), _text(run, path, length))


def _text(run: Running, path: int, length: int) -> str:
    data = run.memory.view(path, length)
    if length > MOST_PATH:
        raise WasiError(Errno.NAMETOOLONG)
    try:
        text = bytes(data).decode()
    except UnicodeDecodeError:
        raise WasiError(Errno.ILSEQ) from None
    if "\0" in text:
        raise WasiError(Errno.INVAL)
    return text

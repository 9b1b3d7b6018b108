"""Calls on what is open: read, write, seek, list, ask.

Rules: what a guest wrote to descriptor 1 or 2 is output. Data is copied once, between the file
and the guest's memory; what can be long is looked at by the watch.
"""
# ruff: noqa: D103 - WASI names these functions and says what they do

from __future__ import annotations

import struct
from collections.abc import Iterator

from edgemesh_sandbox.guest.layout import STDERR, STDOUT
from edgemesh_sandbox.wasi.calls import Running
from edgemesh_sandbox.wasi.descriptors import ROOT, STDIN, STREAMS
from edgemesh_sandbox.wasi.errors import Errno, WasiError
from edgemesh_sandbox.wasi.layout import (
    ALL_RIGHTS,
    DIRENT,
    FDSTAT,
    FILESTAT,
    PRESTAT,
    VECTOR,
    DescriptorFlags,
    FileType,
    Rights,
    TimeFlags,
)
from edgemesh_sandbox.wasi.nodes import File, Folder, Node

_OUTPUTS = {1: STDOUT, 2: STDERR}
_MOST_VECTORS = 1024
_ROOT_NAME = b"/"
_FROM_START, _FROM_HERE, _FROM_END = range(3)
_MOST_OFFSET = 1 << 62


def fd_advise(run: Running, descriptor: int, _offset: int, _length: int, _advice: int) -> int:
    _no_stream(descriptor)
    run.world.descriptors.get(descriptor)
    return Errno.SUCCESS


def fd_close(run: Running, descriptor: int) -> int:
    if descriptor not in STREAMS:
        run.world.descriptors.close(descriptor)
    return Errno.SUCCESS


def fd_sync(run: Running, descriptor: int) -> int:
    if descriptor not in STREAMS:
        run.world.descriptors.get(descriptor)
    return Errno.SUCCESS


def fd_fdstat_get(run: Running, descriptor: int, status: int) -> int:
    if descriptor in STREAMS:
        rights = Rights.FD_READ if descriptor == STDIN else Rights.FD_WRITE
        run.memory.write(status, FDSTAT.pack(FileType.UNKNOWN, 0, rights, 0))
        return Errno.SUCCESS
    opened = run.world.descriptors.get(descriptor)
    rights = ALL_RIGHTS
    if isinstance(opened.node, File):
        rights &= ~(0 if opened.readable else Rights.FD_READ)
        rights &= ~(0 if opened.writable else Rights.FD_WRITE)
    flags = DescriptorFlags.APPEND if opened.append else 0
    run.memory.write(status, FDSTAT.pack(opened.node.kind, flags, rights, ALL_RIGHTS))
    return Errno.SUCCESS


def fd_fdstat_set_flags(run: Running, descriptor: int, flags: int) -> int:
    if descriptor not in STREAMS:
        opened = run.world.descriptors.get(descriptor)
        opened.append = bool(flags & DescriptorFlags.APPEND)
    return Errno.SUCCESS


def fd_filestat_get(run: Running, descriptor: int, status: int) -> int:
    if descriptor in STREAMS:
        run.memory.write(status, FILESTAT.pack(0, descriptor, FileType.UNKNOWN, 1, 0, 0, 0, 0))
        return Errno.SUCCESS
    run.memory.write(status, described(run.world.descriptors.get(descriptor).node))
    return Errno.SUCCESS


def fd_filestat_set_size(run: Running, descriptor: int, size: int) -> int:
    _no_stream(descriptor)
    _, file = run.world.descriptors.writable(descriptor)
    file.resize(size)
    file.touch(run.world.clock.stamp())
    return Errno.SUCCESS


def fd_filestat_set_times(
    run: Running, descriptor: int, accessed: int, changed: int, flags: int
) -> int:
    _no_stream(descriptor)
    set_times(run, run.world.descriptors.get(descriptor).node, accessed, changed, flags)
    return Errno.SUCCESS


def fd_prestat_get(run: Running, descriptor: int, status: int) -> int:
    if descriptor != ROOT:
        raise WasiError(Errno.BADF)
    run.memory.write(status, PRESTAT.pack(0, len(_ROOT_NAME)))
    return Errno.SUCCESS


def fd_prestat_dir_name(run: Running, descriptor: int, name: int, length: int) -> int:
    if descriptor != ROOT:
        raise WasiError(Errno.BADF)
    if length < len(_ROOT_NAME):
        raise WasiError(Errno.NAMETOOLONG)
    run.memory.write(name, _ROOT_NAME)
    return Errno.SUCCESS


def fd_read(run: Running, descriptor: int, vectors: int, count: int, done: int) -> int:
    if descriptor in STREAMS:
        if descriptor != STDIN:
            raise WasiError(Errno.BADF)
        run.memory.write(done, bytes(4))  # the program's stdin is a text of its own
        return Errno.SUCCESS
    opened, file = run.world.descriptors.readable(descriptor)
    total = _read(run, file, opened.offset, vectors, count, done)
    opened.offset += total
    return Errno.SUCCESS


def fd_pread(
    run: Running, descriptor: int, vectors: int, count: int, offset: int, done: int
) -> int:
    _no_stream(descriptor)
    _, file = run.world.descriptors.readable(descriptor)
    _read(run, file, offset, vectors, count, done)
    return Errno.SUCCESS


def fd_write(run: Running, descriptor: int, vectors: int, count: int, done: int) -> int:
    if descriptor in STREAMS:
        return _print(run, descriptor, vectors, count, done)
    opened, file = run.world.descriptors.writable(descriptor)
    start = file.size if opened.append else opened.offset
    opened.offset = start + _write(run, file, start, vectors, count, done)
    return Errno.SUCCESS


def fd_pwrite(
    run: Running, descriptor: int, vectors: int, count: int, offset: int, done: int
) -> int:
    _no_stream(descriptor)
    opened, file = run.world.descriptors.writable(descriptor)
    _write(run, file, file.size if opened.append else offset, vectors, count, done)
    return Errno.SUCCESS


def fd_seek(run: Running, descriptor: int, offset: int, whence: int, result: int) -> int:
    _no_stream(descriptor)
    opened, file = run.world.descriptors.file(descriptor)
    bases = {_FROM_START: 0, _FROM_HERE: opened.offset, _FROM_END: file.size}
    if whence not in bases:
        raise WasiError(Errno.INVAL)
    offset -= offset >> 63 << 64  # it is signed
    target = bases[whence] + offset
    if not 0 <= target <= _MOST_OFFSET:
        raise WasiError(Errno.INVAL)
    run.memory.write(result, struct.pack("<Q", target))
    opened.offset = target
    return Errno.SUCCESS


def fd_tell(run: Running, descriptor: int, result: int) -> int:
    _no_stream(descriptor)
    opened, _ = run.world.descriptors.file(descriptor)
    run.memory.write(result, struct.pack("<Q", opened.offset))
    return Errno.SUCCESS


def fd_readdir(
    run: Running, descriptor: int, buffer: int, size: int, cookie: int, used: int
) -> int:
    """Fill the buffer with entries; the last one may be cut, which says that there are more."""
    _no_stream(descriptor)
    folder = run.world.descriptors.folder(descriptor)
    opened = run.world.descriptors.get(descriptor)
    if cookie == 0:
        above = folder.parent or folder
        opened.listing = [(".", folder), ("..", above), *folder.entries.items()]
    entries = bytearray()
    for at in range(cookie, len(opened.listing)):
        name, node = opened.listing[at]
        text = name.encode()
        entries += DIRENT.pack(at + 1, node.number, len(text), node.kind) + text
        if len(entries) >= size:
            break
    data = bytes(entries[:size])
    run.memory.write(buffer, data)
    run.memory.write(used, struct.pack("<I", len(data)))
    return Errno.SUCCESS


def described(node: Node) -> bytes:
    """What `stat` says of a node."""
    times = (node.accessed, node.changed, node.created)
    return FILESTAT.pack(1, node.number, node.kind, int(node.named), node.size, *times)


def set_times(run: Running, node: Node, accessed: int, changed: int, flags: int) -> None:
    """Set a node's times, each to now or to what is given."""
    now = run.world.clock.stamp()
    if isinstance(node, File) and not node.writable:
        raise WasiError(Errno.ROFS)
    if isinstance(node, Folder):
        node.writing()
    if flags & (TimeFlags.ACCESS | TimeFlags.ACCESS_NOW):
        node.accessed = now if flags & TimeFlags.ACCESS_NOW else accessed
    if flags & (TimeFlags.CHANGE | TimeFlags.CHANGE_NOW):
        node.changed = now if flags & TimeFlags.CHANGE_NOW else changed
    node.created = now


def _print(run: Running, descriptor: int, vectors: int, count: int, done: int) -> int:
    stream = _OUTPUTS.get(descriptor)
    if stream is None:
        raise WasiError(Errno.BADF)
    total = 0
    for address, size in _vectors(run, vectors, count):
        data = run.memory.view(address, size)
        run.output.write(stream, bytes(data[: run.output.room + 1]))
        total += size
    run.watch.should_stop()
    run.memory.write(done, struct.pack("<I", total))
    return Errno.SUCCESS


def _read(run: Running, file: File, offset: int, vectors: int, count: int, done: int) -> int:
    total = 0
    for address, size in _vectors(run, vectors, count):
        target = run.memory.view(address, size)
        data = file.read(offset + total, size)
        target[: len(data)] = data
        total += len(data)
        if len(data) < size:
            break
    run.memory.write(done, struct.pack("<I", total))
    return total


def _write(run: Running, file: File, offset: int, vectors: int, count: int, done: int) -> int:
    total = 0
    if offset > _MOST_OFFSET:
        raise WasiError(Errno.INVAL)
    for address, size in _vectors(run, vectors, count):
        data = run.memory.view(address, size)
        try:
            file.write(offset + total, data)
        except WasiError:
            if not total:
                raise
            break
        total += size
    file.touch(run.world.clock.stamp())
    run.memory.write(done, struct.pack("<I", total))
    return total


def _vectors(run: Running, vectors: int, count: int) -> Iterator[tuple[int, int]]:
    """Addresses and lengths of the guest's buffers."""
    if count > _MOST_VECTORS:
        raise WasiError(Errno.INVAL)
    raw = bytes(run.memory.view(vectors, VECTOR.size * count))
    return VECTOR.iter_unpack(raw)


def _no_stream(descriptor: int) -> None:
    if descriptor in STREAMS:
        raise WasiError(Errno.SPIPE)

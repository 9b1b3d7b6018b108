"""A Python at rest: the pages that differ from its image, and the host's side of it.

    snapshot = sandbox.snapshot("import math\nTABLE = [math.sqrt(n) for n in range(1000)]")
    sandbox.run("TABLE[4]", on=snapshot)
    Snapshot.from_bytes(snapshot.to_bytes(), image=snapshot.image)

As bytes (all numbers little-endian):

    magic     8   "EMSNAP\r\n"
    version   2   of this form
    flags     2   1: the body is compressed (zlib)
    image    32   SHA-256 of the image's memory
    memory    8   bytes of the guest's memory
    runs      4   runs of memory
    clocks    4   bytes, and files, recipe, pages, stored: the lengths of the body's parts and of
    files     8   the body as it is stored
    recipe    4
    pages     8
    stored    8
    body          runs (where each begins and how long it is, in 512 bytes, 4 bytes each), clocks,
                  files, recipe, pages
    checksum 32   SHA-256 of all before

Rules: bytes are a stranger's. No length is trusted: each is compared with what is there, and the
body is unpacked to no more than its parts' lengths. Whatever is wrong is one `SnapshotError`,
which says what was expected. What a page or a file holds is the guest's own affair: a forged one
is a guest's doing, and stays in its box.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from edgemesh_sandbox.errors import SnapshotError
from edgemesh_sandbox.pages import GRAIN_BYTES, Ranges, joined
from edgemesh_sandbox.wasi.nodes import Buffer
from edgemesh_sandbox.wasi.world import FILES_BYTES, State, World

VERSION = 1
MOST_MEMORY = 1 << 32
WASM_PAGE = 1 << 16

_MAGIC = b"EMSNAP\r\n"
_HEADER = struct.Struct("<8sHH32sQIIQIQQ")
_RUN = struct.Struct("<II")
_CHECKSUM = 32
_COMPRESSED = 1
_LEVEL = 1
_MOST_CLOCKS, _MOST_RECIPE = 1024, 255
_MOST_FILES = 2 << 30
_MOST_RUNS = MOST_MEMORY // GRAIN_BYTES // 2


@dataclass(frozen=True)
class Snapshot:
    """What makes a guest again over its image; of a change only what has changed."""

    image: str
    """The hexadecimal digest of the image that it lies over."""
    memory_bytes: int
    """Size of the guest's memory."""
    runs: tuple[tuple[int, int], ...]
    """Begin and end of each run, in bytes, in their order; pages, or of a change parts of them."""
    pages: bytes
    """The bytes of all runs, one after another."""
    clocks: bytes
    files: bytes
    """The world's `State`. In a change empty files are those before."""
    recipe: str = "base"
    """What the image is called; for people."""

    @property
    def nbytes(self) -> int:
        """What it takes in memory, about."""
        return len(self.pages) + len(self.files) + 16 * len(self.runs)

    @property
    def state(self) -> State:
        """The world's state."""
        return State(self.clocks, self.files)

    def world(
        self, files: Mapping[str, Buffer] | None = None, files_bytes: int = FILES_BYTES
    ) -> World:
        """Its world, gone on. Raises `SnapshotError`, and `InputError` for `files`."""
        return World.again(self.state, files, files_bytes)

    @cached_property
    def digest(self) -> str:
        """The hexadecimal SHA-256 of its bytes; equal snapshots have equal ones."""
        return hashlib.sha256(b"".join([self._header(0, 0), *self._body()])).hexdigest()

    def parts(self) -> Iterable[tuple[int, memoryview]]:
        """Where each run begins, and its bytes."""
        data, at = memoryview(self.pages), 0
        for begin, end in self.runs:
            yield begin, data[at : at + end - begin]
            at += end - begin

    def after(self, change: Snapshot) -> Snapshot:
        """This one with a change that followed it, or that takes it back.

        Raises `SnapshotError` for one of another image.
        """
        return combined([self, change])

    def to_bytes(self, *, compress: bool = False) -> bytes:
        """As bytes; compressed they are a quarter, and take some milliseconds each megabyte."""
        body, flags = self._body(), 0
        if compress:
            body, flags = [zlib.compress(b"".join(body), _LEVEL)], _COMPRESSED
        whole = b"".join([self._header(flags, sum(map(len, body))), *body])
        return whole + hashlib.sha256(whole).digest()

    def _header(self, flags: int, stored: int) -> bytes:
        return _HEADER.pack(
            _MAGIC,
            VERSION,
            flags,
            bytes.fromhex(self.image),
            self.memory_bytes,
            len(self.runs),
            len(self.clocks),
            len(self.files),
            len(self.recipe.encode()),
            len(self.pages),
            stored,
        )

    def _body(self) -> list[bytes]:
        numbers = [
            number
            for begin, end in self.runs
            for number in (begin // GRAIN_BYTES, (end - begin) // GRAIN_BYTES)
        ]
        runs = struct.pack(f"<{len(numbers)}I", *numbers)
        return [runs, self.clocks, self.files, self.recipe.encode(), self.pages]

    @classmethod
    def from_bytes(cls, data: Buffer, *, image: str | None = None) -> Snapshot:
        """What `to_bytes` gave, or several of them, each a change of those before.

        `image`: the digest that it must have. Raises `SnapshotError`.
        """
        parts = list(_parts(memoryview(data).cast("B")))
        if len(parts) == 1:
            return cls._read(parts[0], image)
        return combined([cls._read(part, image) for part in parts])

    @classmethod
    def _read(cls, view: memoryview, image: str | None) -> Snapshot:
        if bytes(view[: len(_MAGIC)]) != _MAGIC:
            raise SnapshotError("beginning", "that of a snapshot", "something else")
        if len(view) < _HEADER.size + _CHECKSUM:
            raise SnapshotError("size", f"{_HEADER.size + _CHECKSUM} bytes or more", str(len(view)))
        _, version, flags, digest, memory, runs, *lengths, stored = _HEADER.unpack_from(view)
        _same("version", str(VERSION), str(version))
        _same("size", f"{_HEADER.size + stored + _CHECKSUM} bytes", f"{len(view)} bytes")
        if hashlib.sha256(view[:-_CHECKSUM]).digest() != bytes(view[-_CHECKSUM:]):
            raise SnapshotError("checksum", "that of its bytes", "another: it is damaged")
        _same("image", image or digest.hex(), digest.hex())
        if flags & ~_COMPRESSED:
            raise SnapshotError("flags", "0 or 1", str(flags))
        sizes = (runs * _RUN.size, *lengths)
        _bounded("runs", runs, _MOST_RUNS)
        for name, size, most in zip(
            ("clocks", "files", "recipe", "pages"),
            lengths,
            (_MOST_CLOCKS, _MOST_FILES, _MOST_RECIPE, memory),
            strict=True,
        ):
            _bounded(name, size, most)
        if not 0 < memory <= MOST_MEMORY or memory % WASM_PAGE:
            raise SnapshotError("memory", f"a multiple of {WASM_PAGE}, at most 4 GiB", str(memory))
        body = view[_HEADER.size : -_CHECKSUM]
        if flags & _COMPRESSED:
            body = memoryview(_unpacked(body, sum(sizes)))
        _same("body", f"{sum(sizes)} bytes", f"{len(body)} bytes")
        parts: list[bytes] = []
        for size in sizes:
            parts.append(bytes(body[:size]))
            body = body[size:]
        try:
            recipe = parts[3].decode()
        except UnicodeDecodeError:
            raise SnapshotError("recipe", "UTF-8", "other bytes") from None
        ranges = _ranges(parts[0], memory, len(parts[4]))
        return cls(digest.hex(), memory, ranges, parts[4], parts[1], parts[2], recipe)


def _parts(view: memoryview) -> Iterator[memoryview]:
    """Each as long as its header says; the last is what remains."""
    while True:
        end = len(view)
        if len(view) >= _HEADER.size and bytes(view[: len(_MAGIC)]) == _MAGIC:
            end = min(end, _HEADER.size + _HEADER.unpack_from(view)[-1] + _CHECKSUM)
        yield view[:end]
        view = view[end:]
        if not view:
            return


def combined(snapshots: Sequence[Snapshot]) -> Snapshot:
    """A snapshot, and the changes that followed it. Raises `SnapshotError` if images differ."""
    last = snapshots[-1]
    held: dict[int, memoryview] = {}
    files = b""
    for snapshot in snapshots:
        _same("image", last.image, snapshot.image)
        files = snapshot.files or files
        for begin, data in snapshot.parts():
            for at in range(0, min(len(data), last.memory_bytes - begin), GRAIN_BYTES):
                held[begin + at] = data[at : at + GRAIN_BYTES]
    starts = sorted(held)
    pages = b"".join([held[start] for start in starts])
    return replace(last, runs=tuple(joined(starts, GRAIN_BYTES)), pages=pages, files=files)


def _ranges(data: bytes, memory: int, nbytes: int) -> tuple[tuple[int, int], ...]:
    ranges: Ranges = []
    last = 0
    for page, count in _RUN.iter_unpack(data):
        begin, end = page * GRAIN_BYTES, (page + count) * GRAIN_BYTES
        if not count or begin < last or end > memory:
            raise SnapshotError("runs", "parts of its memory, in their order", "others")
        ranges.append((begin, end))
        last = end
    _same("pages", f"{sum(end - begin for begin, end in ranges)} bytes", f"{nbytes} bytes")
    return tuple(ranges)


def _unpacked(body: memoryview, size: int) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(body, size + 1)
    except zlib.error:
        raise SnapshotError("body", "data that zlib has packed", "other data") from None
    if not unpacker.eof or unpacker.unused_data:
        raise SnapshotError("body", f"{size} bytes when unpacked", "another number")
    return data


def _same(field: str, expected: str, found: str) -> None:
    if expected != found:
        raise SnapshotError(field, expected, found)


def _bounded(field: str, size: int, most: int) -> None:
    if size > most:
        raise SnapshotError(field, f"at most {most} bytes", str(size))

"""A GGUF file's header: what the model is, and how long the whole file must be.

Rules: the file is a stranger's. No length is believed before the file is long enough for it, texts
alone are kept, and what ends early is told from what is wrong: it may still be being copied.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from edgemesh_executor_ml.manifest import Incomplete, Unusable

_MAGIC = int.from_bytes(b"GGUF", "little")
_MOST_KEYS = 1 << 14
_MOST_TENSORS = 1 << 18
_MOST_ITEMS = 1 << 23
_MOST_TEXT = 1 << 24
_MOST_DIMENSIONS = 8
_SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 36), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
    15: (256, 292), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 30: (1, 2),
}  # fmt: skip
"""Type of a tensor → items of a block, and their bytes."""


class Header:
    """What a GGUF file says of itself, checked against its length."""

    def __init__(self, path: Path) -> None:
        """Raises Incomplete, Unusable, OSError."""
        self.texts: dict[str, str] = {}
        """Metadata that is text."""
        with path.open("rb") as file:
            if not (size := path.stat().st_size):
                raise Incomplete(f"{path.name} is empty")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                self._data, self._at, self._name = data, 0, path.name
                end = self._read()
                del self._data
        if size < end:
            raise Incomplete(f"{path.name} has {size} bytes, and its tensors end at {end}")

    def _read(self) -> int:
        magic, version = self._take("<II")
        if magic != _MAGIC or version not in (2, 3):
            raise self._wrong("is no GGUF file of version 2 or 3")
        tensors, keys = self._take("<QQ")
        if tensors > _MOST_TENSORS or keys > _MOST_KEYS:
            raise self._wrong(f"speaks of {tensors} tensors and {keys} keys")
        alignment = 32
        for _ in range(keys):
            name = self._text()
            (kind,) = self._take("<I")
            if name == "general.alignment" and kind == 4:
                (alignment,) = self._take("<I")
            elif kind == _STRING:
                self.texts[name] = self._text()
            else:
                self._skip(name, kind)
        if not alignment or alignment & (alignment - 1) or alignment > 1 << 20:
            raise self._wrong(f"has an alignment of {alignment}")
        ends = [self._tensor() for _ in range(tensors)]
        return -(-self._at // alignment) * alignment + max(ends, default=0)

    def _tensor(self) -> int:
        """Where it ends, from the first one's start."""
        name = self._text()
        (dimensions,) = self._take("<I")
        if dimensions > _MOST_DIMENSIONS:
            raise self._wrong(f"{name[:64]} has {dimensions} dimensions")
        items = 1
        for length in self._take(f"<{dimensions}Q"):
            items *= length
        kind, offset = self._take("<IQ")
        if kind not in _BLOCKS:
            raise self._wrong(f"{name[:64]} is of type {kind}, which is not supported")
        block, nbytes = _BLOCKS[kind]
        if items >= 1 << 48 or offset >= 1 << 48:
            raise self._wrong(f"{name[:64]} has {items} items at {offset}")
        return offset + items // block * nbytes

    def _skip(self, name: str, kind: int) -> None:
        if kind in _SCALARS:
            return self._pass(_SCALARS[kind])
        if kind != _ARRAY:
            raise self._wrong(f"{name[:64]} is of a type {kind} that there is not")
        kind, count = self._take("<IQ")
        if count > _MOST_ITEMS or (kind != _STRING and kind not in _SCALARS):
            raise self._wrong(f"{name[:64]} is an array of {count} items of type {kind}")
        if kind in _SCALARS:
            return self._pass(_SCALARS[kind] * count)
        for _ in range(count):
            self._pass(self._length())
        return None

    def _text(self) -> str:
        length = self._length()
        start = self._at
        self._pass(length)
        return self._data[start : start + length].decode(errors="replace")

    def _length(self) -> int:
        (length,) = self._take("<Q")
        if length > _MOST_TEXT:
            raise self._wrong(f"has a text of {length} bytes")
        return length

    def _take(self, form: str) -> tuple[int, ...]:
        start = self._at
        self._pass(struct.calcsize(form))
        return struct.unpack_from(form, self._data, start)

    def _pass(self, nbytes: int) -> None:
        self._at += nbytes
        if self._at > len(self._data):
            raise Incomplete(f"{self._name} ends within its header, after {len(self._data)} bytes")

    def _wrong(self, what: str) -> Unusable:
        return Unusable(f"{self._name} {what}")

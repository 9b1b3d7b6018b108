"""One session on disk: append-only, until it is written anew with less in it.

    header   "EMSESS\r\n", version (2 bytes, little-endian), 6 zeros, the file's number (16)
    record   length (4), kind (1), calls (8), then so many sealed bytes; one after another
        D    the description: JSON, the first record and only that
        C    what the call of that number has changed
        F    all that there was after the call of that number; with the number 0, behind the
             description, the environment that it was made in

Rules: a record is sealed with the file's number, its place, kind and calls, so that none can be
exchanged, left out or come from elsewhere. A record that was cut off at the end was never answered
for: it is as if it had not been. What a state is made from are the last F at or before it, and the
Cs behind that. Nothing is flushed to the disk itself: the end of processes loses nothing, that of
the machine may lose the last calls.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from edgemesh_executor_pywasm.sessions.vault import OVERHEAD, Damaged, Vault

DESCRIPTION, CHANGE, FULL = b"D", b"C", b"F"

_VERSION = 1
_HEADER = struct.Struct("<8sH6x16s")
_MAGIC = b"EMSESS\r\n"
_RECORD = struct.Struct("<IcQ")
_PLAIN, _PACKED = b"\x00", b"\x01"
_LEVEL = 1
_MOST_DESCRIPTION = 64 * 1024


@dataclass(frozen=True, slots=True)
class Record:
    """Where one lies."""

    kind: bytes
    calls: int
    at: int
    """Where its sealed bytes begin."""
    length: int


class SessionFile:
    """The file of one session; one process at a time may have it."""

    def __init__(self, path: Path, vault: Vault) -> None:
        """Look at what is there. Raises `Damaged`, OSError."""
        self.path = path
        self._vault = vault
        self.records: list[Record] = []
        with path.open("rb") as file:
            self._number = _number(file.read(_HEADER.size))
            size = os.fstat(file.fileno()).st_size
            self.nbytes = _HEADER.size
            while len(head := file.read(_RECORD.size)) == _RECORD.size:
                length, kind, calls = _RECORD.unpack(head)
                at = self.nbytes + _RECORD.size
                if at + length > size:
                    break
                self.records.append(Record(kind, calls, at, length))
                self.nbytes = at + length
                file.seek(self.nbytes)
            if not self.records or self.records[0].kind != DESCRIPTION:
                raise Damaged("it has no description")
            if self.records[0].length > _MOST_DESCRIPTION:
                raise Damaged("its description is too long")
            self.description = _object(self._read(file, 0))
        self.used = path.stat().st_mtime

    @classmethod
    def make(cls, path: Path, vault: Vault, description: Mapping[str, Any]) -> SessionFile:
        """A new one, with nothing but this."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = object.__new__(cls)
        made.path, made._vault = path, vault
        made._write_anew([(DESCRIPTION, 0, _plain(description))])
        return made

    @property
    def calls(self) -> int:
        """How many calls were kept."""
        return self.records[-1].calls

    @property
    def undoable(self) -> int:
        """How many of them can be taken back."""
        later = self.records[1 + self.grounded :]
        if not later:
            return 0
        first = later[0]
        return self.calls - (first.calls if first.kind == FULL else first.calls - 1)

    @property
    def grounded(self) -> bool:
        """Whether it begins in an environment, which it has with it."""
        second = self.records[1:2]
        return bool(second) and second[0].kind == FULL and second[0].calls == 0

    @property
    def since_full(self) -> tuple[int, int]:
        """Changes behind the last F, and their bytes."""
        behind = self.records[self._begin(self.calls) :]
        changes = [record.length for record in behind if record.kind == CHANGE]
        return len(changes), sum(changes)

    def append(self, kind: bytes, calls: int, data: bytes | memoryview) -> None:
        """Add a record. Raises OSError: then it was not added."""
        sealed = self._sealed(len(self.records), kind, calls, b"".join((_PLAIN, data)))
        head = _RECORD.pack(len(sealed), kind, calls)
        with self.path.open("r+b", buffering=0) as file:
            file.truncate(self.nbytes)  # what was cut off
            file.seek(self.nbytes)
            try:
                whole = memoryview(head + sealed)
                while whole:
                    whole = whole[file.write(whole) :]
            except OSError:
                with contextlib.suppress(OSError):
                    file.truncate(self.nbytes)
                raise
        at = self.nbytes + _RECORD.size
        self.records.append(Record(kind, calls, at, len(sealed)))
        self.nbytes = at + len(sealed)

    def state(self) -> bytes:
        """What the last state is made from, one after another. Raises `Damaged`, OSError."""
        with self.path.open("rb") as file:
            begin = self._begin(self.calls)
            return b"".join(self._read(file, n) for n in range(begin, len(self.records)))

    def undo(self, count: int) -> None:
        """Forget the last calls; at most as many as `undoable`."""
        target = self.calls - count
        keep = [record for record in self.records[1:] if record.calls <= target]
        self.records = [self.records[0], *keep]
        last = self.records[-1]
        self.nbytes = last.at + last.length
        os.truncate(self.path, self.nbytes)

    def describe(self, description: Mapping[str, Any], *, reset: bool = False) -> None:
        """Write it anew with another description; with `reset` as it began."""
        rows = self._ground() if reset else self._rows(1)
        self._write_anew([(DESCRIPTION, 0, _plain(description)), *rows])

    def begin(self, environment: bytes, description: Mapping[str, Any]) -> None:
        """Write it anew so that it begins in an environment; it has kept no call yet."""
        begins = {**description, "forked_at": 0}
        rows = [(DESCRIPTION, 0, _plain(begins)), (FULL, 0, _packed(_PLAIN + environment))]
        self._write_anew(rows)

    def copy(self, path: Path, description: Mapping[str, Any]) -> SessionFile:
        """Another file with the same last state. Raises `Damaged`, OSError."""
        copy = SessionFile.make(path, self._vault, description)
        rows = self._needed(self.calls)
        copy._write_anew([(DESCRIPTION, 0, _plain(description)), *rows])
        return copy

    def superfluous(self, undo: int) -> int:
        """Bytes of what is not needed to undo that many calls."""
        begin = self._begin(max(self.calls - undo, 0))
        return sum(record.length for record in self.records[1 + self.grounded : begin])

    def settle(self, undo: int, *, pack: bool = True) -> None:
        """Write it anew without what is not needed to undo that many calls; by default packed."""
        rows = self._needed(max(self.calls - undo, 0))
        if pack:
            rows = [(kind, calls, _packed(data)) for kind, calls, data in rows]
        self._write_anew([(DESCRIPTION, 0, _plain(self.description)), *rows])

    def remove(self) -> None:
        """Remove it from the disk."""
        self.path.unlink(missing_ok=True)

    def _begin(self, calls: int) -> int:
        """The record from which the state after so many calls is made."""
        found = 1
        for place, record in enumerate(self.records):
            if record.kind == FULL and record.calls <= calls:
                found = place
        return found

    def _needed(self, calls: int) -> list[tuple[bytes, int, bytes]]:
        """The records from which the states after so many calls, and later ones, are made."""
        begin = self._begin(calls)
        return [*(self._ground() if begin > 1 else ()), *self._rows(begin)]

    def _ground(self) -> list[tuple[bytes, int, bytes]]:
        return self._rows(1, 2) if self.grounded else []

    def _rows(self, begin: int, end: int | None = None) -> list[tuple[bytes, int, bytes]]:
        with self.path.open("rb") as file:
            return [
                (record.kind, record.calls, self._opened(file, place))
                for place, record in list(enumerate(self.records))[begin:end]
            ]

    def _write_anew(self, rows: list[tuple[bytes, int, bytes]]) -> None:
        """Put a file with these records, as they are to be sealed, in the place of this one."""
        self._number = secrets.token_bytes(16)
        draft = self.path.with_suffix(".draft")
        records: list[Record] = []
        with open(draft, "wb", opener=_private) as file:
            file.write(_HEADER.pack(_MAGIC, _VERSION, self._number))
            for place, (kind, calls, data) in enumerate(rows):
                sealed = self._sealed(place, kind, calls, data)
                file.write(_RECORD.pack(len(sealed), kind, calls))
                records.append(Record(kind, calls, file.tell(), len(sealed)))
                file.write(sealed)
            self.nbytes = file.tell()
        draft.replace(self.path)
        self.records = records
        self.description = json.loads(rows[0][2][1:])
        self.used = self.path.stat().st_mtime

    def _sealed(self, place: int, kind: bytes, calls: int, data: bytes) -> bytes:
        return self._vault.seal(data, self._context(place, kind, calls))

    def _context(self, place: int, kind: bytes, calls: int) -> bytes:
        return self._number + struct.pack("<QcQ", place, kind, calls)

    def _opened(self, file: Any, place: int) -> bytes:
        record = self.records[place]
        file.seek(record.at)
        sealed = file.read(record.length)
        if len(sealed) < OVERHEAD + 1:
            raise Damaged("a record is too short")
        return self._vault.open(sealed, self._context(place, record.kind, record.calls))

    def _read(self, file: Any, place: int) -> bytes:
        data = self._opened(file, place)
        return zlib.decompress(data[1:]) if data[:1] == _PACKED else data[1:]


def _plain(description: Mapping[str, Any]) -> bytes:
    return _PLAIN + json.dumps(description).encode()


def _packed(data: bytes) -> bytes:
    return data if data[:1] == _PACKED else _PACKED + zlib.compress(data[1:], _LEVEL)


def _number(header: bytes) -> bytes:
    if len(header) < _HEADER.size or header[: len(_MAGIC)] != _MAGIC:
        raise Damaged("it is no session's file")
    _, version, number = _HEADER.unpack(header)
    if version != _VERSION:
        raise Damaged(f"version {_VERSION} expected, not {version}")
    return number


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except ValueError:
        raise Damaged("its description is no JSON") from None
    if not isinstance(value, dict):
        raise Damaged("its description is no object")
    return cast(dict[str, Any], value)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

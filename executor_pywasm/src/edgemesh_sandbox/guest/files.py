"""The library's data files, read from memory: fonts, style sheets, data sets.

Packages open such files by path. At run time the file system does not have them, so `open` and
`os.stat` (and with it `os.path.exists` and its like) answer for paths below the library from the
image, where they cost a program nothing until it reads them.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import stat
import weakref
from collections.abc import Mapping
from typing import Any

from .importer import Archive, folders

_written: list[weakref.ref[Any]] = []


def flush() -> None:
    """Write what is left in the files that the program has open: it has no other end."""
    for reference in _written:
        with contextlib.suppress(Exception):
            file = reference()
            if file is not None and not file.closed:
                file.flush()


class _Bytes(io.BytesIO):
    """An open file of the library."""

    name: Any = ""


class Files:
    """The files below the archive's path: its members, and others that are kept unpacked."""

    def __init__(self, archive: Archive, unpacked: Mapping[str, bytes]) -> None:
        self._archive, self._unpacked = archive, dict(unpacked)
        self._root = archive.path + "/"
        self._folders = archive.folders | folders(self._unpacked)

    def install(self) -> None:
        """Make `open` and `os.stat` know these files."""
        # As attributes of a class they are no methods, just as the built-in ones are none.
        builtins.open = io.open = staticmethod(self._opener(io.open))
        os.stat = staticmethod(self._stater(os.stat))

    def _name(self, path: Any) -> str | None:
        """The name below the root that a path means, if it does."""
        try:
            text = os.fsdecode(path)
        except TypeError:
            return None  # a descriptor
        if text != self._archive.path and not text.startswith(self._root):
            return None
        return os.path.normpath(text)[len(self._root) :]

    def _read(self, name: str) -> bytes | None:
        if name in self._unpacked:
            return self._unpacked[name]
        return self._archive.read(name) if name in self._archive else None

    def _opener(self, real: Any) -> Any:
        def open(
            file: Any,
            mode: str = "r",
            buffering: int = -1,
            encoding: str | None = None,
            errors: str | None = None,
            newline: str | None = None,
            closefd: bool = True,
            opener: Any = None,
        ) -> Any:
            writing = bool(set(mode) & set("wax+"))
            name = self._name(file) if opener is None and not writing else None
            data = self._read(name) if name is not None else None
            if data is None:
                opened = real(file, mode, buffering, encoding, errors, newline, closefd, opener)
                if writing:
                    _written.append(weakref.ref(opened))
                return opened
            raw = _Bytes(data)
            raw.name = file
            if "b" in mode:
                return raw
            return io.TextIOWrapper(raw, encoding or "utf-8", errors, newline)

        return open

    def _stater(self, real: Any) -> Any:
        def stat(path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> Any:
            name = self._name(path) if dir_fd is None else None
            if name is not None:
                if name in self._folders:
                    return _status(_FOLDER, 0)
                data = self._read(name)
                if data is not None:
                    return _status(_FILE, len(data))
            return real(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)

        return stat


_FOLDER, _FILE = stat.S_IFDIR | 0o555, stat.S_IFREG | 0o444


def _status(mode: int, size: int) -> os.stat_result:
    return os.stat_result((mode, 0, 0, 1, 0, 0, size, 0, 0, 0))


def unpack(folder: str, prefix: str) -> dict[str, bytes]:
    """Every file below `folder`, by its name with `prefix` in front."""
    found: dict[str, bytes] = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            with open(path, "rb") as file:
                found[prefix + path.removeprefix(folder)] = file.read()
    return found

"""The library's data files, read from memory: fonts, style sheets, data sets.

Packages open such files by path. At run time the file system does not have them, so `open` and
`os.stat` (and with it `os.path.exists` and its like) answer for paths below the library from the
image, where they cost a program nothing until it reads them.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import itertools
import os
import stat
import weakref
from collections.abc import Iterator, Mapping
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
        """Make `open`, `os.stat` and `os.scandir` know these files, and `os.chdir` forget the way.

        `os.walk` and `pathlib` list by `os.scandir` or `os.listdir`.
        """
        # As attributes of a class they are no methods, just as the built-in ones are none.
        builtins.open = io.open = staticmethod(self._opener(io.open))
        os.stat = staticmethod(self._stater(os.stat))
        os.scandir = staticmethod(self._scanner(os.scandir))
        os.listdir = staticmethod(self._lister(os.listdir))
        os.chdir = staticmethod(_changer(os.chdir))

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

    def _folder(self, path: Any) -> str | None:
        """The folder of the library that a path means, if it does."""
        name = None if isinstance(path, int) else self._name(path)
        return name if name in self._folders else None

    def _below(self, folder: str) -> list[str]:
        """The names in a folder."""
        start = f"{folder}/" if folder else ""
        names = itertools.chain(self._archive.names(), self._unpacked)
        below = {name[len(start) :].partition("/")[0] for name in names if name.startswith(start)}
        return sorted(below - {""})

    def _lister(self, real: Any) -> Any:
        def listdir(path: Any = ".") -> Any:
            folder = self._folder(path)
            return real(path) if folder is None else self._below(folder)

        return listdir

    def _scanner(self, real: Any) -> Any:
        def scandir(path: Any = ".") -> Any:
            folder = self._folder(path)
            if folder is None:
                return real(path)
            return _Listing(_Entry(name, os.path.join(path, name)) for name in self._below(folder))

        return scandir


class _Entry:
    """What `os.scandir` gives of a file or folder of the library."""

    def __init__(self, name: str, path: str) -> None:
        self.name, self.path = name, path

    def __fspath__(self) -> str:
        return self.path

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        return os.stat(self.path)

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return stat.S_ISDIR(self.stat().st_mode)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        return stat.S_ISREG(self.stat().st_mode)

    def is_symlink(self) -> bool:
        return False

    def is_junction(self) -> bool:
        return False


class _Listing:
    """What `os.scandir` gives: an iterator that can be closed."""

    def __init__(self, entries: Iterator[_Entry]) -> None:
        self._entries = entries

    def __iter__(self) -> Iterator[_Entry]:
        return self._entries

    def __next__(self) -> _Entry:
        return next(self._entries)

    def close(self) -> None:
        self._entries = iter(())

    def __enter__(self) -> Iterator[_Entry]:
        return self._entries

    def __exit__(self, *_: object) -> None:
        self.close()


def _changer(real: Any) -> Any:
    """`os.chdir` that keeps where it leads: the C library keeps `a/..`, though `a` may go."""

    def chdir(path: Any) -> None:
        real(path if isinstance(path, int) else os.path.abspath(path))

    return chdir


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

"""A model's source: a lone `.py` among the models, or a folder with a `model.py` and its files.

Rules: what follows an @ in the name is the version; hidden files are passed over, folders within it
too. Nothing of it is run or parsed here: it becomes the code of a program, whose module level and
`load` a worker runs once. Its files are part of what that image follows from.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

CODE = "model.py"
_SUFFIX = ".py"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
MOST_CODE = 1 << 20
MOST_FILES = 256
MOST_BYTES = 256 << 20

_FORWARD = """
def _begin():
    import inspect, pathlib
    forward = globals().get("forward")
    if not callable(forward):
        raise TypeError("a model has a function forward(...)")
    load = globals().get("load", globals().get("load_model"))
    given = ()
    if load is not None:
        given = (load(pathlib.Path("/inputs")) if inspect.signature(load).parameters else load(),)
    def called(*args, **kwargs):
        return forward(*given, *args, **kwargs)
    signature = inspect.signature(forward)
    parameters = list(signature.parameters.values())[len(given):]
    called.__doc__, called.__module__ = forward.__doc__, forward.__module__
    called.__annotations__ = dict(inspect.get_annotations(forward))
    if len(given) and signature.parameters:
        called.__annotations__.pop(next(iter(signature.parameters)), None)
    called.__signature__ = signature.replace(parameters=parameters)
    return called
_forward = _begin()
"""
ENTRY = "_forward"

Seen = tuple[tuple[str, int, int, int], ...]
"""Path, inode, size and time of each of its files."""


class Unusable(Exception):
    """A source that can be no model as it is."""


@dataclass(frozen=True, slots=True)
class Source:
    """A model as it was read."""

    name: str
    version: str
    code: str
    """Of the program that it becomes."""
    files: dict[str, bytes]
    """What it finds below /inputs."""
    sha256: str

    @property
    def label(self) -> str:
        """Name and version."""
        return f"{self.name}@{self.version}"


def look(models: Path) -> dict[str, Seen]:
    """What lies there, by the entries' names; nothing where it cannot be read."""
    found: dict[str, Seen] = {}
    try:
        names = sorted(name for name in os.listdir(models) if not name.startswith("."))
    except OSError:
        return {}
    for name in names:
        path = models / name
        try:
            if path.is_file() and name.endswith(_SUFFIX):
                found[name] = (_seen(path),)
            elif (path / CODE).is_file():
                found[name] = tuple(_seen(file) for file in _files(path))
        except OSError:
            continue  # it is coming or going
    return found


def read(path: Path) -> Source:
    """Read one. Raises Unusable, OSError."""
    lone = path.is_file()
    stem = path.name.removesuffix(_SUFFIX) if lone else path.name
    name, _, version = stem.partition("@")
    version = version or "1"
    if not _NAME.fullmatch(name):
        raise Unusable(f"its name {name[:64]!r} is none: {_NAME.pattern}")
    if not _VERSION.fullmatch(version):
        raise Unusable(f"its version {version[:64]!r} is none: {_VERSION.pattern}")
    paths = [path] if lone else _files(path)
    if len(paths) > MOST_FILES:
        raise Unusable(f"it has {len(paths)} files, {MOST_FILES} at most")
    if (total := sum(file.stat().st_size for file in paths)) > MOST_BYTES:
        raise Unusable(f"it has {total} bytes, {MOST_BYTES} at most")
    files = {file.name: file.read_bytes() for file in paths}
    code = files.pop(path.name if lone else CODE)
    if len(code) > MOST_CODE:
        raise Unusable(f"its code has {len(code)} bytes, {MOST_CODE} at most")
    try:
        text = code.decode()
    except UnicodeDecodeError as error:
        raise Unusable(f"its code is no UTF-8: {error.reason} at byte {error.start}") from None
    digests = [f"{name} {hashlib.sha256(data).hexdigest()}" for name, data in files.items()]
    whole = f"{text}\n# with {', '.join(sorted(digests)) or 'no files'}\n"
    # Compiled by itself: what is beside the author's lines is in no traceback of theirs.
    whole += f'exec(compile({_FORWARD!r}, "<model>", "exec"), globals())\n'
    return Source(name, version, whole, files, hashlib.sha256(whole.encode()).hexdigest())


def _files(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")
    )


def _seen(path: Path) -> tuple[str, int, int, int]:
    status = path.stat()
    return path.name, status.st_ino, status.st_size, max(status.st_mtime_ns, status.st_ctime_ns)

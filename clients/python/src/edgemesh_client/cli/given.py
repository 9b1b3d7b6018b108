"""What is written on the command line, to values.

    --param norm=ortho      JSON if it is JSON, else text
    --param messages=@m.json    the JSON, or the text, of a file
    --input x=@data.npy     an array of NumPy's; any other file is bytes
    --input x=[1,2,3]       numbers
    --out y=@y.npy          an array as .npy, bytes as they are

Rules: whatever is wrong is one line that says what was expected.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from edgemesh_client.errors import EdgemeshError


class BadInput(EdgemeshError):
    """Something on the command line makes no sense."""


def pairs(option: str, texts: Iterable[str]) -> dict[str, str]:
    """NAME=VALUE, each once."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise BadInput(f"{option} {text!r}: NAME=VALUE is expected")
        if name in found:
            raise BadInput(f"{option} {name!r} is given twice")
        found[name] = value
    return found


def parameters(texts: Iterable[str]) -> dict[str, Any]:
    """What --param says."""
    found: dict[str, Any] = {}
    for name, value in pairs("--param", texts).items():
        found[name] = _json_or_text(text(value[1:]) if value.startswith("@") else value)
    return found


def inputs(texts: Iterable[str]) -> dict[str, Any]:
    """What --input says."""
    return {name: _input(name, value) for name, value in pairs("--input", texts).items()}


def read(path: str) -> bytes:
    """A file, or stdin for `-`."""
    if not path:
        raise BadInput("@ is followed by a file, or by - for stdin")
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None


def text(path: str) -> str:
    """The text of a file, or of stdin for `-`."""
    try:
        return read(path).decode()
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is no text in UTF-8: byte {error.start} is not") from None


def save(path: str, value: Any) -> None:
    """An output to a file."""
    place = path.removeprefix("@")
    try:
        if isinstance(value, bytes):
            Path(place).write_bytes(value)
        else:
            with Path(place).open("wb") as file:
                np.save(file, value, allow_pickle=False)
    except OSError as error:
        raise BadInput(f"{place} cannot be written: {error.strerror}") from None


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _input(name: str, value: str) -> Any:
    if value.startswith("@"):
        if not value.endswith(".npy"):
            return read(value[1:])
        try:
            return np.load(value[1:], allow_pickle=False)
        except OSError as error:
            raise BadInput(f"{value[1:]} cannot be read: {error.strerror or error}") from None
        except (ValueError, EOFError, BadZipFile):
            raise BadInput(f"{value[1:]} is no array of NumPy's, or one of objects") from None
    try:
        array = np.array(json.loads(value))
    except ValueError:
        array = np.empty(0, object)
    if array.dtype.kind not in "biuf":
        raise BadInput(f"--input {name}: @FILE.npy, @FILE or numbers as JSON are expected")
    return array.astype(np.float64) if array.dtype.kind in "iu" else array

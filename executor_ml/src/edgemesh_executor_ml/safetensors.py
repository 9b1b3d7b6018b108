"""The headers of a folder's safetensors files: whether all that they speak of is there.

Rules: as for GGUF: no length is believed, and what ends early is told from what is wrong. No other
format of weights is opened: a pickle is a program.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from edgemesh_executor_ml.manifest import Incomplete, Unusable

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
_MOST_HEADER = 100_000_000
_MOST_SHARDS = 4096
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")


def check(folder: Path) -> list[str]:
    """The names of a folder's files of weights, all whole. Raises Incomplete, Unusable, OSError."""
    names = [SINGLE]
    if (folder / INDEX).is_file():
        names = _shards(folder)
    elif not (folder / SINGLE).is_file():
        if pickles := sorted(each.name for each in folder.iterdir() if each.suffix in _PICKLES):
            raise Unusable(f"{pickles[0]} is a pickle, which is never read; {SINGLE} is")
        raise Incomplete(f"{SINGLE} is missing")
    for name in names:
        if not (folder / name).is_file():
            raise Incomplete(f"{name} is missing")
        _check(folder / name)
    return names


def _shards(folder: Path) -> list[str]:
    table = json_of(folder / INDEX).get("weight_map")
    if not isinstance(table, dict):
        raise Unusable(f"{INDEX}: weight_map must be an object")
    names = sorted({str(name) for name in cast("dict[str, Any]", table).values()})
    if len(names) > _MOST_SHARDS:
        raise Unusable(f"{INDEX} names {len(names)} files")
    for name in names:
        if Path(name).name != name:
            raise Unusable(f"{INDEX}: {name[:64]!r} leaves the folder")
    return names


def _check(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(head := file.read(8), "little")
        if len(head) < 8:
            raise Incomplete(f"{path.name} has {size} bytes")
        if length > _MOST_HEADER:
            raise Unusable(f"{path.name} has a header of {length} bytes, {_MOST_HEADER} at most")
        if size < 8 + length:
            raise Incomplete(f"{path.name} has {size} bytes, and its header ends at {8 + length}")
        text = file.read(length)
    try:
        table = cast("Mapping[str, Any]", json.loads(text))
        ends = [int(each["data_offsets"][1]) for n, each in table.items() if n != "__metadata__"]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise Unusable(f"{path.name} has a header that makes no sense: {error}") from None
    end = 8 + length + max(ends, default=0)
    if size < end:
        raise Incomplete(f"{path.name} has {size} bytes, and its tensors end at {end}")


def json_of(path: Path) -> dict[str, Any]:
    """A JSON object of a file; one that is torn may still be being copied."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise Incomplete(f"{path.name} is missing") from None
    except (ValueError, RecursionError) as error:
        raise Incomplete(f"{path.name} is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise Unusable(f"{path.name} must be a JSON object")
    return cast("dict[str, Any]", value)

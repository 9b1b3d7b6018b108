"""Stamps: the record that something is complete, written last and all at once.

A stamp holds a key and what was produced, by path, size and time of change. It counts only while
all of that still stands: a file that is gone, cut short or written by another breaks it, and a torn
stamp is none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast


def write(stamp: Path, key: str, products: Iterable[Path]) -> None:
    """Record that `products` are complete under `key`, by write, fsync and rename."""
    record = {"key": key, "products": {str(path): _mark(path) for path in sorted(products)}}
    stamp.parent.mkdir(parents=True, exist_ok=True)
    temporary = stamp.with_name(f"{stamp.name}.{os.getpid()}")
    with temporary.open("w") as file:
        json.dump(record, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(stamp)


def holds(stamp: Path, *keys: str) -> bool:
    """Whether the stamp bears one of `keys` and all that it lists is as it was."""
    try:
        record = cast("dict[str, Any]", json.loads(stamp.read_text()))
        products = cast("dict[str, list[int]]", record["products"])
        return record["key"] in keys and all(
            _mark(Path(path)) == mark for path, mark in products.items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def products(stamp: Path) -> list[Path]:
    """What the stamp lists. Call it only where `holds` is true."""
    record = cast("dict[str, Any]", json.loads(stamp.read_text()))
    return [Path(path) for path in record["products"]]


def remove(stamp: Path) -> None:
    """Forget it: called before work on what it records begins."""
    stamp.unlink(missing_ok=True)


def _mark(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]

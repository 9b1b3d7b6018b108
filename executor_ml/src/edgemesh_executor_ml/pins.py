"""Which version a model's name stands for: the newest, unless one is pinned.

    python -m edgemesh_executor_ml.pins FOLDER                        what is pinned
    python -m edgemesh_executor_ml.pins FOLDER NAME VERSION           pin it: the way to roll back
    python -m edgemesh_executor_ml.pins FOLDER NAME VERSION --canary OTHER --share PERCENT
    python -m edgemesh_executor_ml.pins FOLDER NAME newest            the newest again

Rules: pins are a file in the models' folder, which the executor heeds as soon as it changes:
{"<model>": {"stable": "1", "canary": "2", "share": 10}}. One that cannot be read changes nothing;
one of a version that there is not waits for it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from mesh_service.executor.pinned import FILE, NEWEST, BadPins, load, write

STABLE, CANARY = "stable", "canary"


@dataclass(frozen=True, slots=True)
class Pin:
    """What is pinned of one model."""

    stable: str
    """The version that its name stands for; empty: the newest."""
    canary: str = ""
    """One that gets a share of the calls; empty: none."""
    share: float = 0
    """How many of a hundred."""


def read(folder: Path) -> dict[str, Pin]:
    """The pins of a folder: model → what is pinned. Raises BadPins."""
    value = cast("dict[str, Any]", load(folder))
    try:
        return {name: _pin(each) for name, each in value.items()}
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise BadPins(f"{FILE}: {error}") from None


def _pin(value: Mapping[str, Any]) -> Pin:
    pin = Pin(str(value[STABLE]), str(value.get(CANARY, "")), float(value.get("share", 0)))
    if not 0 <= pin.share <= 100:
        raise ValueError(f"share: from 0 to 100, not {pin.share}")
    return pin


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="pins", description="pin a model's version")
    parser.add_argument("folder", type=Path)
    parser.add_argument("name", nargs="?")
    parser.add_argument("version", nargs="?")
    parser.add_argument("--canary", default="", help="a version that gets a share of the calls")
    parser.add_argument("--share", type=float, default=10, help="of a hundred; default: 10")
    given = parser.parse_args()
    if not given.folder.is_dir():
        parser.error(f"no such folder: {given.folder}")
    if not 0 <= given.share <= 100:
        parser.error("--share: from 0 to 100")
    try:
        pins = read(given.folder)
    except BadPins as error:
        parser.error(str(error))
    if given.name:
        if not given.version:
            parser.error(f"which version of {given.name}? Or `{NEWEST}`")
        pins.pop(given.name, None)
        stable = "" if given.version == NEWEST else given.version
        if stable or given.canary:
            pins[given.name] = Pin(stable, given.canary, given.share if given.canary else 0)
        write(given.folder, {name: asdict(pin) for name, pin in pins.items()})
    for name, pin in sorted(pins.items()):
        canary = f", {pin.share:g} % to {pin.canary}" if pin.canary else ""
        print(f"{name} {pin.stable or NEWEST}{canary}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

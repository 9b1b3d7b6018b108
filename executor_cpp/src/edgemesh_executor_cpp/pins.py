"""Which version of a plugin is the default: the newest, unless one is pinned.

    python -m edgemesh_executor_cpp.pins FOLDER                  what is pinned
    python -m edgemesh_executor_cpp.pins FOLDER NAME VERSION     pin it: the way to roll back
    python -m edgemesh_executor_cpp.pins FOLDER NAME newest      the newest again

Rules: pins are a file in the plugins' folder, {"<plugin>": "<version>"}, which the executor heeds
as soon as it changes. One that cannot be read changes nothing; one of a version that there is not
waits for it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, cast

from mesh_service.executor.pinned import FILE, NEWEST, BadPins, load, write


def read(folder: Path) -> dict[str, str]:
    """The pins of a folder: plugin → version. Raises BadPins."""
    value = load(folder)
    if not isinstance(value, dict) or not all(
        isinstance(version, str) for version in cast(dict[str, Any], value).values()
    ):
        raise BadPins(f'{FILE}: must be {{"<plugin>": "<version>"}}')
    return cast(dict[str, str], value)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="pins", description="pin a plugin's version")
    parser.add_argument("folder", type=Path)
    parser.add_argument("name", nargs="?")
    parser.add_argument("version", nargs="?")
    given = parser.parse_args()
    if not given.folder.is_dir():
        parser.error(f"no such folder: {given.folder}")
    try:
        pins = read(given.folder)
    except BadPins as error:
        parser.error(str(error))
    if given.name:
        if not given.version:
            parser.error(f"which version of {given.name}? Or `{NEWEST}`")
        pins.pop(given.name, None)
        if given.version != NEWEST:
            pins[given.name] = given.version
        write(given.folder, pins)
    for name, version in sorted(pins.items()):
        print(f"{name} {version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
